import { generate } from 'selfsigned';
import { CLOCK_TOLERANCE_MS, type KeyPair } from './localCa';

/** TLS clients accept server certificates of at most 398 days (CA/Browser Forum, SC-031). */
const LEAF_LIFETIME_MS = 397 * 24 * 60 * 60 * 1000 - CLOCK_TOLERANCE_MS;

/** Creates a server certificate for the hub's name and all names of the loopback interface, signed by `ca`. */
export async function issueLeafCertificate(ca: KeyPair, hostName: string): Promise<KeyPair> {
  const made = await generate([{ name: 'commonName', value: hostName }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - CLOCK_TOLERANCE_MS),
    notAfterDate: new Date(Date.now() + LEAF_LIFETIME_MS),
    ca: { key: ca.key, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: hostName },
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}
