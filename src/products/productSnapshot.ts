/** Takes a snapshot of products and SKUs: reads the database and writes the rows to Blob storage. */

import { createHash } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProductQueries, ProductSettings } from '../settings';
import { TABLES, type Table, readTables } from './readTables';
import { SnapshotError } from './snapshotError';
import { type SnapshotFile, openStore } from './snapshotStore';

/** Stream Analytics: at most 300 MB of reference data. */
const MAX_SNAPSHOT_BYTES = 300 * 1_048_576;

export interface SnapshotResult {
  /** of `products.json` and of `skus.json` */
  rows: Record<Table, number>;
  bytes: number;
  /** of `products.json`; `skus.json` is beside it */
  path: string;
  /** true if the newest snapshot has the same content, so that nothing was written */
  unchanged: boolean;
}

/** The exports that the main bundle loads lazily. */
export interface ProductSnapshot {
  takeSnapshot: typeof takeSnapshot;
}

/**
 * Copies the products and SKUs of the database to Blob storage, as two JSON arrays with one object per line. Both show
 * the same state of the database, and are valid from the same minute on. The upload starts after all rows have been
 * read, so a failure changes nothing. Rows go through temporary files, so memory use does not depend on their number.
 *
 * @throws Error if the database or the storage fails, or if there are no products or more than the limit
 */
export async function takeSnapshot(settings: ProductSettings, now = new Date()): Promise<SnapshotResult> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-products-'));
  try {
    const files = await writeTables(folder, settings.databaseUrl, settings.queries);
    const rows = { products: files.products.rows, skus: files.skus.rows };
    const bytes = files.products.bytes + files.skus.bytes;
    const store = openStore(settings.storage);
    const before = await store.newest();
    const isSame = TABLES.every((table) => before?.sha256[table] === files[table].sha256);
    if (before && isSame) return { rows, bytes, path: before.path, unchanged: true };
    return { rows, bytes, path: await store.put(files, now), unchanged: false };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type WrittenFile = SnapshotFile & { bytes: number };

async function writeTables(
  folder: string,
  databaseUrl: string,
  queries: ProductQueries,
): Promise<Record<Table, WrittenFile>> {
  const products = await createJsonFile(join(folder, 'products.json'));
  const skus = await createJsonFile(join(folder, 'skus.json'));
  const files = { products, skus };
  try {
    for await (const { table, rows } of readTables(databaseUrl, queries)) {
      await files[table].add(rows);
      if (products.bytes() + skus.bytes() > MAX_SNAPSHOT_BYTES)
        throw new SnapshotError(
          'the products exceed 300 MB, the limit of Stream Analytics for reference data',
        );
    }
  } catch (error) {
    await Promise.all([products.close(), skus.close()]);
    throw error;
  }
  const written = { products: await products.close(), skus: await skus.close() };
  if (written.products.rows === 0) throw new SnapshotError('the query gave no rows');
  return written;
}

interface JsonFile {
  /** @param rows JSON texts */
  add: (rows: readonly string[]) => Promise<void>;
  bytes: () => number;
  close: () => Promise<WrittenFile>;
}

/** A JSON array, one element per line. */
async function createJsonFile(path: string): Promise<JsonFile> {
  const hash = createHash('sha256');
  const handle: FileHandle = await open(path, 'w');
  let rows = 0;
  let bytes = 0;
  const write = async (text: string): Promise<void> => {
    bytes += Buffer.byteLength(text);
    hash.update(text);
    await handle.write(text);
  };
  return {
    add: async (added) => {
      await write((rows === 0 ? '[\n' : ',\n') + added.join(',\n'));
      rows += added.length;
    },
    bytes: () => bytes,
    close: async () => {
      await write(rows === 0 ? '[]\n' : '\n]\n');
      await handle.close();
      return { path, rows, bytes, sha256: hash.digest('hex') };
    },
  };
}
