/** The host names that clients use, in lower case and without a port. */

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** The name of a `Host` header. */
export const hostNameOf = (host: string | undefined): string | undefined =>
  host?.replace(/:\d*$/, '').toLowerCase();

/** The name with which a client opened its TLS connection (SNI). */
export function serverNameOf(socket: Socket): string | undefined {
  const { servername } = socket as Partial<TLSSocket>;
  return typeof servername === 'string' ? servername.toLowerCase() : undefined;
}
