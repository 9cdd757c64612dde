import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient, RestError } from '@azure/storage-blob';

/** The pattern of the job's reference input: `products/{date}/{time}/products.json`, `yyyy-MM-dd` and `HH-mm` in UTC. */
const PATH = /^products\/(\d{4}-\d{2}-\d{2})\/(\d{2})-(\d{2})\/products\.json$/;

export interface Snapshot {
  path: string;
  /** from when on it is valid, by its path, ms */
  time: number;
}

export interface SnapshotSource {
  /** all that are there, oldest first */
  list: () => Promise<Snapshot[]>;
  /** hands over a file with its content, which is gone afterwards */
  withFile: <T>(snapshot: Snapshot, use: (file: string) => Promise<T>) => Promise<T>;
}

/** Product snapshots in Blob storage. A container that is not there yet holds none. */
export function openSnapshots(connectionString: string, container: string): SnapshotSource {
  const client = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
  return {
    list: async () => {
      const found: Snapshot[] = [];
      try {
        for await (const { name } of client.listBlobsFlat({ prefix: 'products/' })) {
          const [, date, hour, minute] = PATH.exec(name) ?? [];
          if (date !== undefined)
            found.push({ path: name, time: Date.parse(`${date}T${hour ?? ''}:${minute ?? ''}:00Z`) });
        }
      } catch (error) {
        if (!(error instanceof RestError) || error.code !== 'ContainerNotFound') throw error;
      }
      return found.sort((a, b) => a.time - b.time);
    },
    withFile: async ({ path }, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'hubfront-reference-'));
      try {
        const file = join(folder, 'products.json');
        await client.getBlobClient(path).downloadToFile(file);
        return await use(file);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
