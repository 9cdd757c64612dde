import { isIP } from 'node:net';
import { generate } from 'selfsigned';
import { CLOCK_TOLERANCE_MS, type KeyPair } from './localCa';

/** TLS clients accept server certificates of at most 398 days (CA/Browser Forum, SC-031). */
const LEAF_LIFETIME_MS = 397 * 24 * 60 * 60 * 1000 - CLOCK_TOLERANCE_MS;

/**
 * Creates a server certificate, signed by `ca`, for these names and all names of the loopback interface.
 *
 * @param hostNames the hub's name first; host names and IP addresses; `.example.com`: every name directly below it
 */
export async function issueLeafCertificate(ca: KeyPair, hostNames: readonly string[]): Promise<KeyPair> {
  const made = await generate([{ name: 'commonName', value: hostNames[0] ?? 'localhost' }], {
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
          ...hostNames.map(altName),
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}

function altName(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  const address = name.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0) return { type: 7, ip: address };
  return { type: 2, value: name.startsWith('.') ? `*${name}` : name };
}
