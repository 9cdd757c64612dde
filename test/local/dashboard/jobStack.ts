import { BlobServiceClient } from '@azure/storage-blob';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DashboardEnvironment } from '../../../local/dashboard/process';
import { startBlobStorage, storageConnection } from '../../../local/products';
import { freePort } from '../../freePort';
import { type Stack, startStack } from '../../stack';

export interface JobStack {
  stack: Stack;
  /** of a job's process with the deployed query */
  environment: DashboardEnvironment;
  close: () => Promise<void>;
}

/** All that a job reads: the hub, and one snapshot of products and SKUs, as JSON, in Blob storage. */
export async function startJobStack(
  products: string,
  skus = '[]',
  settings: Record<string, string> = {},
): Promise<JobStack> {
  const [blobPort, dashboardPort] = [await freePort(), await freePort()];
  const storage = startBlobStorage(blobPort, () => undefined);
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-job-'));
  const stack = await startStack({ settings });
  await storage.ready;
  const container = BlobServiceClient.fromConnectionString(storageConnection(blobPort)).getContainerClient(
    'reference',
  );
  await container.create();
  for (const [table, rows] of Object.entries({ products, skus }))
    await container.uploadBlockBlob(`products/2020-01-01/00-00/${table}.json`, rows, Buffer.byteLength(rows));
  return {
    stack,
    environment: {
      DASHBOARD_PORT: String(dashboardPort),
      ANALYTICS_QUERY: 'infra/analytics/query.asaql',
      ANALYTICS_EVENTHUB_CONNECTION: stack.emulator.connectionStrings.eventHub('service'),
      ANALYTICS_CONSUMERGROUP: 'analytics',
      ANALYTICS_STORAGE: storageConnection(blobPort),
      ANALYTICS_CONTAINER: 'reference',
      ANALYTICS_RESULTS: join(folder, 'results.duckdb'),
      SHOP_URL: '',
    },
    close: async () => {
      await Promise.all([storage.close(), stack.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
