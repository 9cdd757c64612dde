/** A snapshot with new prices while the job runs: later rows have them, and earlier rows keep theirs. */
// @module-tag full

import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { views } from '../../../bench/dashboardViews';
import type { Child } from '../../../local/childProcess';
import { startDashboard } from '../../../local/dashboard';
import type { View } from '../../../local/dashboard/view';
import { type JobStack, startJobStack } from './jobStack';

const product = { product_id: 1, product_name: 'Bag', currency: 'JPY' };
const snapshotOf = (price: number): string => JSON.stringify([{ ...product, price }]);

let jobStack: JobStack;
let dashboard: Child;
beforeAll(async () => {
  jobStack = await startJobStack(snapshotOf(4_900));
  dashboard = startDashboard(jobStack.environment, console.error);
});
afterAll(async () => {
  await dashboard.close();
  await jobStack.close();
});

/** The first view that is as wanted. */
async function viewWith(isWanted: (view: View) => boolean): Promise<View> {
  for await (const view of views(await dashboard.ready)) if (isWanted(view)) return view;
  throw new Error('the dashboard ended');
}

// A second try would find the rows of the first.
test('a row has the price of the snapshot that was valid at its time', { retry: 0 }, async () => {
  const { json } = await jobStack.stack.register('shop-1');
  const deviceKey = json.deviceInfo.authentication.symmetricKey.primaryKey as string;
  const browse = async (): Promise<void> => {
    const deviceMessage = { event: 'browse_product', product_id: 1 };
    const { status } = await jobStack.stack.send({ deviceId: 'shop-1', deviceKey, deviceMessage });
    expect(status).toBe(201);
  };
  await browse();
  await viewWith(({ recent }) => recent.length === 1);

  // In the folder of this minute, so that it is valid at once.
  const [day = '', time = ''] = new Date().toISOString().split('T');
  const path = `products/${day}/${time.slice(0, 5).replace(':', '-')}/products.json`;
  const rows = snapshotOf(3_000);
  await BlobServiceClient.fromConnectionString(jobStack.environment.ANALYTICS_STORAGE)
    .getContainerClient(jobStack.environment.ANALYTICS_CONTAINER)
    .uploadBlockBlob(path, rows, Buffer.byteLength(rows));
  await viewWith(({ pipeline }) => pipeline.references.some((reference) => reference.path === path));
  await browse();
  const { recent } = await viewWith((view) => view.recent.length === 2);
  expect(recent.map(({ price }) => price)).toEqual([3_000, 4_900]);
});
