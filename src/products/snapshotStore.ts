import { BlobServiceClient, type ContainerClient, RestError } from '@azure/storage-blob';
import type { EntraId } from '../iothub/registry/entraId';
import type { ProductStorage } from '../settings';

/** The container that the analytics job has its reference data in. */
export const CONTAINER = 'reference';
/** A minute that has a snapshot already is left alone: so many further ones are tried. */
const MAX_MINUTES_AHEAD = 10;

const PATH = /^products\/\d{4}-\d{2}-\d{2}\/\d{2}-\d{2}\/products\.json$/;

export interface StoredSnapshot {
  path: string;
  sha256: string | undefined;
}

/** Snapshots in Blob storage. Paths name the minute, in UTC, from which Stream Analytics uses a snapshot. */
export interface SnapshotStore {
  /** the newest one by its path */
  newest: () => Promise<StoredSnapshot | undefined>;
  /** Never overwrites: takes the first minute from `now` on that has none. @returns the path */
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
      throw new Error(`there is a snapshot for each of the next ${MAX_MINUTES_AHEAD} minutes already`);
    },
  };
}

async function newest(container: ContainerClient): Promise<StoredSnapshot | undefined> {
  let last: StoredSnapshot | undefined;
  // Names come in alphabetical order, which is the order of time here.
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
  // As in the identity registry's client: a file of its own, loaded where it is wanted.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { createCredential } = require('./entraId.js') as EntraId;
  return new BlobServiceClient(storage.blobServiceUri, createCredential());
}
