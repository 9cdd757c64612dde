/** The host names that clients use, in lower case and without a port. */

import { isIPv6, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { urlHost } from '../listen';

/** The name of a `Host` header, or of AMQP's `open`, where an IPv6 address has no brackets. They are added. */
export const hostNameOf = (host: string | undefined): string | undefined =>
  host !== undefined && isIPv6(host) ? urlHost(host) : host?.replace(/:\d*$/, '').toLowerCase();

/** The name with which a client opened its TLS connection (SNI). */
export function serverNameOf(socket: Socket): string | undefined {
  const { servername } = socket as Partial<TLSSocket>;
  return typeof servername === 'string' ? servername.toLowerCase() : undefined;
}
