/** Creates and renews the certificate authority that clients of the emulator trust. */

import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generate } from 'selfsigned';

const DAY_MS = 24 * 60 * 60 * 1000;
const CA_LIFETIME_MS = 10 * 365 * DAY_MS;
/** A CA that expires within this time is replaced at start, so that it outlives the certificates that it signs. */
const CA_RENEWAL_MS = 400 * DAY_MS;
/** Certificates are valid from this much earlier, because the clocks of a virtual machine and its host may differ. */
export const CLOCK_TOLERANCE_MS = 60 * 60 * 1000;

export interface KeyPair {
  /** PKCS#8 private key, PEM. */
  readonly key: string;
  /** X.509 certificate, PEM. */
  readonly cert: string;
}

export interface LocalCa extends KeyPair {
  /** Absolute path of the public certificate, `ca.pem`. */
  readonly file: string;
}

/**
 * Loads the emulator's certificate authority from `folder`, or creates it at the first start. So a client that trusts
 * it still does after a restart.
 *
 * `ca.pem` is the public certificate. `ca-key.pem` (mode 0600) holds the key and the certificate, and is
 * authoritative. One file can be created atomically, two cannot, and two emulators may start at the same time.
 *
 * @throws Error that names the folder if it cannot be used
 */
export async function openLocalCa(folder: string): Promise<LocalCa> {
  try {
    return await openFolder(folder);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      `the folder of the certificate authority ${path.resolve(folder)} cannot be used: ${message}`,
      {
        cause: error,
      },
    );
  }
}

async function openFolder(folder: string): Promise<LocalCa> {
  await mkdir(folder, { recursive: true });
  const keyFile = path.join(folder, 'ca-key.pem');
  const file = path.resolve(folder, 'ca.pem');
  const ca = (await readPair(keyFile)) ?? (await createPair(keyFile));
  if ((await readFile(file, 'utf8').catch(() => '')) !== ca.cert) {
    const temporary = `${file}.${randomUUID()}`;
    await writeFile(temporary, ca.cert);
    await rename(temporary, file);
  }
  return { ...ca, file };
}

async function createPair(keyFile: string): Promise<KeyPair> {
  const made = await generateCa();
  const temporary = `${keyFile}.${randomUUID()}`;
  await writeFile(temporary, made.key.trimEnd() + '\n' + made.cert, { mode: 0o600 });
  try {
    // If the file exists, it is unusable, because readPair() has rejected it.
    await rm(keyFile, { force: true });
    // link() fails if the file exists, where rename() would replace it. So two emulators that start at the same time
    // use the same CA.
    await link(temporary, keyFile).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
  return (await readPair(keyFile)) ?? made;
}

/** The stored pair, or undefined if it is absent, unreadable, mismatched or about to expire. */
async function readPair(keyFile: string): Promise<KeyPair | undefined> {
  const text = await readFile(keyFile, 'utf8').catch(() => '');
  const key = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n?/.exec(text)?.[0];
  const cert = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/.exec(text)?.[0];
  if (!key || !cert) return undefined;
  try {
    const parsed = new X509Certificate(cert);
    const usable = parsed.ca && parsed.checkPrivateKey(createPrivateKey(key));
    return usable && Date.parse(parsed.validTo) - Date.now() > CA_RENEWAL_MS ? { key, cert } : undefined;
  } catch {
    return undefined;
  }
}

async function generateCa(): Promise<KeyPair> {
  // The serial number in the name distinguishes the CAs of two checkouts in a trust store.
  const name = [{ name: 'commonName', value: `Hubfront emulator CA ${randomUUID().slice(0, 8)}` }];
  const made = await generate(name, {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - CLOCK_TOLERANCE_MS),
    notAfterDate: new Date(Date.now() + CA_LIFETIME_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key: made.private, cert: made.cert.trimEnd() + '\n' };
}
