import { X509Certificate } from 'node:crypto';

/** iot-hub-devguide-quotas-throttling: "Maximum number of X.509 CA certificates that can be registered" in a hub. */
const MAX_TRUSTED_CAS = 25;

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates of the authorities that sign certificates of devices.
 *
 * @param texts PEM; a text may contain several certificates
 * @returns one certificate each, PEM
 * @throws RangeError for a text without a certificate, a certificate that is not a CA's, or too many certificates
 */
export function readTrustedCas(texts: readonly string[]): string[] {
  const certificates = texts.flatMap((text) => {
    const found = text.match(PEM_CERTIFICATE);
    if (!found) throw new RangeError('a trusted CA must be a certificate in PEM format');
    return found;
  });
  if (certificates.length > MAX_TRUSTED_CAS) {
    throw new RangeError(`a hub trusts at most ${MAX_TRUSTED_CAS} CA certificates`);
  }
  for (const pem of certificates) {
    if (!isCa(pem)) throw new RangeError('a trusted CA must be the certificate of a certificate authority');
  }
  return certificates;
}

function isCa(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}
