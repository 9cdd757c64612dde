import { constants } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket, type TlsOptions } from 'node:tls';

/** The certificate with which a client has authenticated its TLS connection. TLS has proved that it has the key. */
export interface ClientCertificate {
  /** SHA-1 and SHA-256, in hexadecimal. */
  readonly thumbprints: readonly string[];
  /** The common name of the subject. Undefined if the subject has none, or more than one. */
  readonly commonName: string | undefined;
  /** Whether the client has sent a valid chain of certificates to a trusted CA. */
  readonly isTrusted: boolean;
}

/**
 * Options of a TLS server for devices. A client may send a certificate, which TLS checks but does not reject: it may be
 * self-signed, and then its thumbprint counts.
 *
 * @param certificate of the server, PEM
 * @param trustedCas PEM; an intermediate CA without its root is trusted for clients that name the server (SNI)
 */
export function deviceServerOptions(
  certificate: { readonly key: string; readonly cert: string },
  trustedCas: readonly string[],
): TlsOptions {
  // Without CAs, an empty list: Node would else trust its own.
  const common = {
    ...certificate,
    ca: [...trustedCas],
    // Node checks the certificate of the first handshake only. In a second one (TLS 1.2), a client could send another.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
  const options = { ...common, requestCert: true, rejectUnauthorized: false };
  if (trustedCas.length === 0) return options;
  // Node's servers have no option for intermediate CAs, only their contexts have.
  const context = createSecureContext({ ...common, allowPartialTrustChain: true });
  return { ...options, SNICallback: (_name, done) => done(null, context) };
}

export function clientCertificate(socket: Duplex): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] };
  return {
    thumbprints: [certificate.fingerprint, certificate.fingerprint256],
    commonName: typeof CN === 'string' ? CN : undefined,
    // Node does not reset `authorized` when a later check fails.
    isTrusted: socket.authorized && !socket.authorizationError,
  };
}
