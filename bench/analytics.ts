/** Benchmark of the Stream Analytics runner. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { EventHubConsumerClient, earliestEventPosition } from '@azure/event-hubs';
import { startJob } from '../analytics/job';
import { startDashboard } from '../local/dashboard';
import { openHub } from '../local/openHub';
import { startBlobStorage, storageConnection } from '../local/products';
import { views } from './dashboardViews';
import { startEmulatorProcess } from './emulatorProcess';
import { type Result, measuredInAlternation, median, result } from './measure';

const QUERY_FILE = 'infra/analytics/query.asaql';
/** The first deployed query, with fewer columns: that of the bench until 2026-11-25. */
const FIRST_QUERY_FILE = 'bench/firstQuery.asaql';
const CONSUMER_GROUP = 'analytics';
const CONTAINER = 'reference';
const PARTITIONS = 4;
const EVENTS = 100_000;
const ROUNDS = 3;
const MANY_EVENTS = 1_000_000;
const TENTHS = 10;
/** Maximum number of events in the hub that the job has not read yet. */
const BACKLOG = 50_000;
/** Large batches, of which the SDK reads one ahead: faster than its defaults. */
const SDK_BATCH = 1_000;
const SDK_WAIT_S = 0.25;
const POLL_MS = 10;
const PRODUCTS = 200;
const VISITORS = 50;

type Hub = Awaited<ReturnType<typeof startEmulatorProcess>>;

/**
 * Measures the whole local job, from the hub to the file of results, compared with the Event Hubs SDK, which only
 * reads the same events. Then measures the memory of the job's process over a million events, with a dashboard open.
 */
export async function benchAnalytics(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-bench-'));
  const blobPort = await freePort();
  const storage = startBlobStorage(blobPort, console.error);
  try {
    await storage.ready;
    await putProducts(storageConnection(blobPort));
    const options = { storage: storageConnection(blobPort), folder };
    return [...(await againstSdk(options)), await overMany(options)];
  } finally {
    await storage.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Options {
  storage: string;
  folder: string;
}

/** Of this process, from the first event to the last: the job, or the SDK. The emulator has a process of its own. */
interface Cost {
  ms: number;
  cpuMs: number;
}

/** Starts to measure. @returns a function that ends it */
function measure(): () => Cost {
  const [start, before] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { ms: performance.now() - start, cpuMs: (user + system) / 1_000 };
  };
}

async function againstSdk({ storage, folder }: Options): Promise<Result[]> {
  const hub = await startEmulatorProcess(PARTITIONS);
  try {
    await seedShop(hub, EVENTS, 0);
    const eventHubConnection = hub.settings.IOTHUB_EVENTHUB_CONNECTION;
    let runs = 0;
    const runJob = async (queryFile: string): Promise<Cost> => {
      const job = await startJob({
        queryFile,
        openHub,
        eventHubConnection,
        consumerGroup: CONSUMER_GROUP,
        storageConnection: storage,
        container: CONTAINER,
        resultsFile: join(folder, `results-${(runs += 1)}.duckdb`),
        log: () => undefined,
      });
      const end = measure();
      // Asking the database while it works would cost time. The checkpoint is written together with the rows.
      while (job.state().counts.events < EVENTS) await delay(POLL_MS);
      const done = 'SELECT coalesce(sum(sequence_number + 1), 0) FROM results.state.checkpoint';
      while (Number((await job.connection.runAndReadAll(done)).getRows()[0]?.[0]) < EVENTS)
        await delay(POLL_MS);
      const cost = end();
      await job.close();
      return cost;
    };
    const costs = await measuredInAlternation(ROUNDS, {
      job: () => runJob(QUERY_FILE),
      first: () => runJob(FIRST_QUERY_FILE),
      sdk: () => readWithSdk(eventHubConnection),
    });
    const rate = (all: readonly number[], per: string): string =>
      `${Math.round(EVENTS / (median(all) / 1_000)).toLocaleString('en')} events per ${per}`;
    const names = { job: 'the deployed query', first: 'the first query' };
    return (['job', 'first'] as const).flatMap((one) =>
      (
        [
          ['ms', 'second'],
          ['cpuMs', 'CPU second'],
        ] as const
      ).map(([key, per]) => {
        const [own, sdk] = [costs[one], costs.sdk].map((all) => all.map((cost) => cost[key]));
        return result(
          `analytics: ${EVENTS} events read, joined, kept by ${names[one]} (${rate(own ?? [], per)})`,
          own ?? [],
          `the SDK alone (${rate(sdk ?? [], per)})`,
          sdk,
        );
      }),
    );
  } finally {
    await hub.close();
  }
}

/** Reads all events. The cost does not include that of connecting. */
async function readWithSdk(connectionString: string): Promise<Cost> {
  const client = new EventHubConsumerClient(CONSUMER_GROUP, connectionString);
  let end = measure();
  let count = 0;
  await new Promise<void>((resolve, reject) => {
    client.subscribe(
      {
        processEvents: (events) => {
          if (count === 0) end = measure();
          if ((count += events.length) >= EVENTS) resolve();
          return Promise.resolve();
        },
        processError: (error) => {
          reject(error);
          return Promise.resolve();
        },
      },
      {
        maxBatchSize: SDK_BATCH,
        maxWaitTimeInSeconds: SDK_WAIT_S,
        prefetchCount: 2 * SDK_BATCH,
        skipParsingBodyAsJson: true,
        startPosition: earliestEventPosition,
      },
    );
  });
  const cost = end();
  await client.close();
  return cost;
}

/** Samples the memory of the process of `npm start`, with a dashboard open, at most twice per second. */
async function overMany({ storage, folder }: Options): Promise<Result> {
  const hub = await startEmulatorProcess(PARTITIONS);
  const dashboard = startDashboard(
    {
      DASHBOARD_PORT: '0',
      ANALYTICS_QUERY: QUERY_FILE,
      ANALYTICS_EVENTHUB_CONNECTION: hub.settings.IOTHUB_EVENTHUB_CONNECTION,
      ANALYTICS_CONSUMERGROUP: CONSUMER_GROUP,
      ANALYTICS_STORAGE: storage,
      ANALYTICS_CONTAINER: CONTAINER,
      ANALYTICS_RESULTS: join(folder, 'results.duckdb'),
      SHOP_URL: '',
    },
    console.error,
  );
  try {
    const url = await dashboard.ready;
    const memory = Array.from({ length: TENTHS }, (): number[] => []);
    let seeded = 0;
    let start = 0;
    for await (const { pipeline } of views(url)) {
      const { events } = pipeline; // the figures are of the rows that are kept, which are fewer
      if (start === 0) start = performance.now();
      for (; seeded < MANY_EVENTS && seeded - events < BACKLOG; seeded += BACKLOG)
        await seedShop(hub, BACKLOG, seeded / BACKLOG);
      memory[Math.min(TENTHS - 1, Math.floor((TENTHS * events) / MANY_EVENTS))]?.push(
        residentMb(dashboard.pid ?? 0),
      );
      if (events >= MANY_EVENTS) break;
    }
    const seconds = (performance.now() - start) / 1_000;
    const mb = memory.map(median);
    const flat = (mb.at(-1) ?? 0) / (mb[1] ?? 0);
    console.log(
      `analytics: memory (MB) in each tenth of ${MANY_EVENTS.toLocaleString('en')} events: ${mb.map(Math.round).join(', ')}`,
    );
    console.log(`analytics: memory of the last tenth against the second: ${flat.toFixed(2)}×`);
    return result(
      `analytics: memory over ${MANY_EVENTS.toLocaleString('en')} events in the job's process, last tenth (${Math.round(MANY_EVENTS / seconds).toLocaleString('en')} events/s)`,
      memory.at(-1) ?? [],
      'its second tenth',
      memory[1] ?? [],
      'MB',
    );
  } finally {
    await dashboard.close();
    await hub.close();
  }
}

function residentMb(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1_024;
}

/** Events of the form that the shop sends, from another visitor with each call. */
function seedShop(hub: Hub, count: number, call: number): Promise<unknown> {
  const bodies = Array.from({ length: 2 * PRODUCTS }, (_, i) => ({
    deviceId: `visitor-${call % VISITORS}`,
    Data: {
      event: i % 5 === 0 ? 'add_to_cart' : 'browse_product',
      event_value: `https://shop.example/ja/shop/products/${i % PRODUCTS}`,
      size_name: 'FREE',
      color_name: 'BLACK',
      product_id: i % PRODUCTS,
      referer_product_id: null,
    },
  }));
  return hub.seed(count, { deviceId: `visitor-${call % VISITORS}`, bodies, messageIds: true });
}

async function putProducts(storage: string): Promise<void> {
  const container = BlobServiceClient.fromConnectionString(storage).getContainerClient(CONTAINER);
  const products = JSON.stringify(
    Array.from({ length: PRODUCTS }, (_, i) => ({
      product_id: i,
      price: 4_900,
      product_state: 'on_sale',
      product_code: `P-${i}`,
      can_purchase: true,
      // The first query reads it here.
      sku_id: i,
    })),
  );
  await container.create();
  const skus = JSON.stringify(
    Array.from({ length: PRODUCTS }, (_, i) => ({
      sku_id: i,
      product_id: i,
      size_name: 'FREE',
      color_name: 'BLACK',
    })),
  );
  for (const [table, rows] of Object.entries({ products, skus }))
    await container.uploadBlockBlob(`products/2020-01-01/00-00/${table}.json`, rows, rows.length);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
