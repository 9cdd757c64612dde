import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** SHA-1 and SHA-256 of the certificate with which a client has authenticated its TLS connection, in hexadecimal. */
export function clientThumbprints(socket: Duplex): string[] {
  if (!(socket instanceof TLSSocket)) return [];
  const certificate = socket.getPeerX509Certificate();
  return certificate ? [certificate.fingerprint, certificate.fingerprint256] : [];
}
