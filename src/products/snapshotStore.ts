/** Finds and writes product snapshots in Blob storage. */

import { BlobServiceClient, type ContainerClient, RestError } from '@azure/storage-blob';
import type { EntraId } from '../iothub/registry/entraId';
import type { ProductStorage } from '../settings';
import type { Table } from './readTables';
import { SnapshotError } from './snapshotError';

/** The container with the reference data of the analytics job. */
export const CONTAINER = 'reference';
/** If a minute already has a snapshot, the next minutes are tried, up to this number. */
const MAX_MINUTES_AHEAD = 10;

const PATH = /^products\/\d{4}-\d{2}-\d{2}\/\d{2}-\d{2}\/(products|skus)\.json$/;

/** A file of a snapshot, on this machine. */
export interface SnapshotFile {
  path: string;
  sha256: string;
  rows: number;
}

export interface StoredSnapshot {
  /** of `products.json` */
  path: string;
  sha256: Partial<Record<Table, string>>;
}

/** Snapshots in Blob storage. A path names the minute (UTC) from which Stream Analytics uses the snapshot. */
export interface SnapshotStore {
  /** the newest minute that has any file */
  newest: () => Promise<StoredSnapshot | undefined>;
  /**
   * Writes both files to the first minute from `now` on that has no snapshot, and never overwrites one.
   *
   * @returns the path of `products.json`
   */
  put: (files: Readonly<Record<Table, SnapshotFile>>, now: Date) => Promise<string>;
}

/** `products/{yyyy-MM-dd}/{HH-mm}/products.json` and `…/skus.json`, in UTC. */
export function snapshotPath(time: Date, table: Table = 'products'): string {
  const [date = '', clock = ''] = time.toISOString().split('T');
  return `products/${date}/${clock.slice(0, 5).replace(':', '-')}/${table}.json`;
}

export function openStore(storage: ProductStorage): SnapshotStore {
  const container = connect(storage).getContainerClient(CONTAINER);
  return {
    newest: () => newest(container),
    put: async (files, now) => {
      for (let minutes = 0; minutes <= MAX_MINUTES_AHEAD; minutes += 1) {
        const time = new Date(now.getTime() + minutes * 60_000);
        // The SKUs are uploaded first. Only the process that succeeds uploads the products of the same minute, so files
        // of two snapshots are never combined.
        if (!(await upload(container, snapshotPath(time, 'skus'), files.skus))) continue;
        const path = snapshotPath(time);
        if (await upload(container, path, files.products)) return path;
      }
      throw new SnapshotError(`each of the next ${MAX_MINUTES_AHEAD} minutes already has a snapshot`);
    },
  };
}

/** @returns false if there is a blob at the path already */
async function upload(
  container: ContainerClient,
  path: string,
  { path: file, sha256, rows }: SnapshotFile,
): Promise<boolean> {
  try {
    await container.getBlockBlobClient(path).uploadFile(file, {
      blobHTTPHeaders: { blobContentType: 'application/json; charset=utf-8' },
      conditions: { ifNoneMatch: '*' },
      metadata: { sha256, rows: String(rows) },
    });
    return true;
  } catch (error) {
    if (!(error instanceof RestError) || error.code !== 'BlobAlreadyExists') throw error;
    return false;
  }
}

async function newest(container: ContainerClient): Promise<StoredSnapshot | undefined> {
  let last: StoredSnapshot | undefined;
  // Names are listed alphabetically, which is chronological here.
  try {
    for await (const { name, metadata } of container.listBlobsFlat({
      prefix: 'products/',
      includeMetadata: true,
    })) {
      const table = PATH.exec(name)?.[1] as Table | undefined;
      if (table === undefined) continue;
      const path = name.replace(/[^/]+$/, 'products.json');
      if (last?.path !== path) last = { path, sha256: {} };
      if (metadata?.sha256 !== undefined) last.sha256[table] = metadata.sha256;
    }
  } catch (error) {
    if (!(error instanceof RestError) || error.code !== 'ContainerNotFound') throw error;
    await container.createIfNotExists();
  }
  return last;
}

function connect(storage: ProductStorage): BlobServiceClient {
  if ('connectionString' in storage) return connectWithKey(storage.connectionString);
  if (!/^https:/i.test(storage.blobServiceUri))
    throw new SnapshotError(
      'PRODUCTS_STORAGE__blobServiceUri does not begin with https://, and tokens of Microsoft Entra ID need TLS',
    );
  // A separate file beside the bundle, loaded lazily, as in the registry's client.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { createCredential } = require('./entraId.js') as EntraId;
  return new BlobServiceClient(storage.blobServiceUri, createCredential());
}

/** The SDK's own message is omitted, because it may quote the connection string. */
function connectWithKey(connectionString: string): BlobServiceClient {
  try {
    return BlobServiceClient.fromConnectionString(connectionString);
  } catch {
    throw new SnapshotError(
      'PRODUCTS_STORAGE lacks a part of a connection string: AccountName and AccountKey, or BlobEndpoint and SharedAccessSignature',
    );
  }
}
