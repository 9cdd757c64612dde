import { createHash } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProductSettings } from '../settings';
import { readRows } from './readRows';
import { SnapshotError } from './snapshotError';
import { openStore } from './snapshotStore';

/** Stream Analytics: at most 300 MB of reference data. */
const MAX_SNAPSHOT_BYTES = 300 * 1_048_576;

export interface SnapshotResult {
  rows: number;
  bytes: number;
  path: string;
  /** true if the newest snapshot has the same content, so that nothing was written */
  unchanged: boolean;
}

/** The exports that the main bundle loads lazily. */
export interface ProductSnapshot {
  takeSnapshot: typeof takeSnapshot;
}

/**
 * Copies the products of the database to Blob storage, as a JSON array with one object per line. The upload starts
 * after all rows have been read, so a failure changes nothing. Rows go through a temporary file, so memory use does
 * not depend on their number.
 *
 * @throws Error if the database or the storage fails, or if the query returns no rows or more than the limit
 */
export async function takeSnapshot(settings: ProductSettings, now = new Date()): Promise<SnapshotResult> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-products-'));
  try {
    const file = join(folder, 'products.json');
    const { rows, bytes, sha256 } = await writeRows(file, settings);
    const store = openStore(settings.storage);
    const before = await store.newest();
    if (before?.sha256 === sha256) return { rows, bytes, path: before.path, unchanged: true };
    const path = await store.put(file, now, { sha256, rows: String(rows) });
    return { rows, bytes, path, unchanged: false };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeRows(
  file: string,
  { databaseUrl, query }: ProductSettings,
): Promise<{ rows: number; bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const handle: FileHandle = await open(file, 'w');
  let rows = 0;
  let bytes = 0;
  const write = async (text: string): Promise<void> => {
    bytes += Buffer.byteLength(text);
    if (bytes > MAX_SNAPSHOT_BYTES)
      throw new SnapshotError('the products come to more than the 300 MB that Stream Analytics takes');
    hash.update(text);
    await handle.write(text);
  };
  try {
    for await (const batch of readRows(databaseUrl, query)) {
      await write((rows === 0 ? '[\n' : ',\n') + batch.join(',\n'));
      rows += batch.length;
    }
    if (rows === 0) throw new SnapshotError('the query gave no rows');
    await write('\n]\n');
  } finally {
    await handle.close();
  }
  return { rows, bytes, sha256: hash.digest('hex') };
}
