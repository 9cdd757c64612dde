import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Child } from '../../local/childProcess';
import { databaseUrl, startBlobStorage, startProductDatabase, storageConnection } from '../../local/products';
import { seedSql } from '../../local/products/seed';
import type { Supervised } from '../../local/supervise';
import { type Postgresql, findPostgresql, startPostgresql } from '../clients/postgresql';
import { freePort } from '../freePort';

/** What a snapshot is read from and written to. */
export interface SnapshotServers {
  readonly pgliteUrl: string;
  /** absent where PostgreSQL is not installed */
  readonly postgresUrl: string | undefined;
  /** of the storage account */
  readonly connectionString: string;
  readonly container: ContainerClient;
  /** the contents of the container, sorted by name */
  blobs(): Promise<{ name: string; text: string }[]>;
  /** The rows of both files of the only snapshot. */
  snapshotRows(): Promise<{ products: unknown[]; skus: unknown[] }>;
}

export const postgresqlBinaries = findPostgresql();

export async function sql(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url }).on('error', () => undefined);
  await client.connect();
  await client.query(text);
  await client.end();
}

/** Starts them for the tests of a file. The container is absent before each test. */
export function useSnapshotServers(): SnapshotServers {
  let storage: Child;
  let pglite: Supervised;
  let postgres: Postgresql | undefined;
  let connectionString: string;
  let pgliteUrl: string;
  let container: ContainerClient;

  beforeAll(async () => {
    const [blobPort, databasePort] = [await freePort(), await freePort()];
    storage = startBlobStorage(blobPort, console.error);
    pglite = startProductDatabase(databasePort, console.error);
    connectionString = storageConnection(blobPort);
    pgliteUrl = databaseUrl(databasePort);
    container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('reference');
    if (postgresqlBinaries !== undefined) {
      postgres = await startPostgresql(postgresqlBinaries);
      await sql(postgres.url, seedSql());
    }
    await Promise.all([storage.ready, pglite.ready]);
  });
  afterAll(async () => {
    await Promise.all([storage.close(), pglite.close(), postgres?.close()]);
  });
  beforeEach(async () => {
    await container.deleteIfExists();
  });

  const blobs: SnapshotServers['blobs'] = async () => {
    const found = [];
    for await (const { name } of container.listBlobsFlat())
      found.push({ name, text: (await container.getBlobClient(name).downloadToBuffer()).toString() });
    return found;
  };
  return {
    get pgliteUrl() {
      return pgliteUrl;
    },
    get postgresUrl() {
      return postgres?.url;
    },
    get connectionString() {
      return connectionString;
    },
    get container() {
      return container;
    },
    blobs,
    snapshotRows: async () => {
      const [products, skus] = await blobs();
      return {
        products: JSON.parse(products?.text ?? '') as unknown[],
        skus: JSON.parse(skus?.text ?? '') as unknown[],
      };
    },
  };
}
