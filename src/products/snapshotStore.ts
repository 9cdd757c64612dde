import { BlobServiceClient, type ContainerClient, RestError } from '@azure/storage-blob';
import type { EntraId } from '../iothub/registry/entraId';
import type { ProductStorage } from '../settings';
import { SnapshotError } from './snapshotError';

/** The container with the reference data of the analytics job. */
export const CONTAINER = 'reference';
/** If a minute already has a snapshot, the next minutes are tried, up to this number. */
const MAX_MINUTES_AHEAD = 10;

const PATH = /^products\/\d{4}-\d{2}-\d{2}\/\d{2}-\d{2}\/products\.json$/;

export interface StoredSnapshot {
  path: string;
  sha256: string | undefined;
}

/** Snapshots in Blob storage. A path names the minute (UTC) from which Stream Analytics uses the snapshot. */
export interface SnapshotStore {
  /** the newest snapshot by path */
  newest: () => Promise<StoredSnapshot | undefined>;
  /** Writes to the first minute from `now` on that has no snapshot, and never overwrites one. @returns the path */
  put: (file: string, now: Date, metadata: Record<string, string>) => Promise<string>;
}

/** `products/{yyyy-MM-dd}/{HH-mm}/products.json`, in UTC. */
export function snapshotPath(time: Date): string {
  const [date = '', clock = ''] = time.toISOString().split('T');
  return `products/${date}/${clock.slice(0, 5).replace(':', '-')}/products.json`;
}

export function openStore(storage: ProductStorage): SnapshotStore {
  const container = connect(storage).getContainerClient(CONTAINER);
  return {
    newest: () => newest(container),
    put: async (file, now, metadata) => {
      for (let minutes = 0; minutes <= MAX_MINUTES_AHEAD; minutes += 1) {
        const path = snapshotPath(new Date(now.getTime() + minutes * 60_000));
        try {
          await container.getBlockBlobClient(path).uploadFile(file, {
            blobHTTPHeaders: { blobContentType: 'application/json; charset=utf-8' },
            conditions: { ifNoneMatch: '*' },
            metadata,
          });
          return path;
        } catch (error) {
          if (!(error instanceof RestError) || error.code !== 'BlobAlreadyExists') throw error;
        }
      }
      throw new SnapshotError(`each of the next ${MAX_MINUTES_AHEAD} minutes already has a snapshot`);
    },
  };
}

async function newest(container: ContainerClient): Promise<StoredSnapshot | undefined> {
  let last: StoredSnapshot | undefined;
  // Names are listed alphabetically, which is chronological here.
  try {
    for await (const { name, metadata } of container.listBlobsFlat({
      prefix: 'products/',
      includeMetadata: true,
    })) {
      if (PATH.test(name)) last = { path: name, sha256: metadata?.sha256 };
    }
  } catch (error) {
    if (!(error instanceof RestError) || error.code !== 'ContainerNotFound') throw error;
    await container.createIfNotExists();
  }
  return last;
}

function connect(storage: ProductStorage): BlobServiceClient {
  if ('connectionString' in storage) return BlobServiceClient.fromConnectionString(storage.connectionString);
  // A separate file beside the bundle, loaded lazily, as in the registry's client.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { createCredential } = require('./entraId.js') as EntraId;
  return new BlobServiceClient(storage.blobServiceUri, createCredential());
}
