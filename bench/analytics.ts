import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { type HubReader, type ReadEvent, readHub } from '../local/analytics/job/hubReader';
import { openResults } from '../local/analytics/job/results';
import { createEngine } from '../local/analytics/engine';
import { DEFAULT_TIME_POLICY } from '../local/analytics/event';
import { type Output, type Plan, translate } from '../local/analytics/query';
import { startEmulatorProcess } from './emulatorProcess';
import { type Result, result } from './measure';

const QUERY_FILE = 'infra/analytics/query.asaql';
const PARTITIONS = 4;
const EVENTS = 10_000;
const ROUNDS = 5;
const MEMORY_EVENTS = 1_000_000;
const MEMORY_BATCH = 10_000;
const PRODUCTS = 200;

/**
 * The deployed query on events of the hub, results written, against the Event Hubs SDK that reads the same events and
 * does nothing with them; and what a million events leave in memory.
 */
export async function benchAnalytics(): Promise<Result[]> {
  const plan = translate(await readFile(QUERY_FILE, 'utf8'));
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-bench-'));
  const hub = await startEmulatorProcess(PARTITIONS);
  const job = await startQuery(plan, folder);
  try {
    await hub.seed(EVENTS);
    const connection = hub.settings.IOTHUB_EVENTHUB_CONNECTION;
    const times = { job: [] as number[], sdk: [] as number[] };
    for (let round = 0; round <= ROUNDS; round += 1) {
      const withJob = await readAll(connection, (events) => job.run(events));
      const alone = await readAll(connection, () => Promise.resolve());
      if (round === 0) continue; // warm
      times.job.push(withJob);
      times.sdk.push(alone);
    }
    const rate = (all: readonly number[]): string =>
      `${Math.round(EVENTS / (median(all) / 1_000)).toLocaleString('en')} events/s`;
    const read = result(
      `analytics: ${EVENTS} events read, joined, kept (${rate(times.job)})`,
      times.job,
      `the SDK alone (${rate(times.sdk)})`,
      times.sdk,
    );
    console.log(
      `analytics: throughput against the SDK alone: ${(median(times.sdk) / median(times.job)).toFixed(2)}×`,
    );
    return [read, await measureMemory(job)];
  } finally {
    job.close();
    await hub.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface RunningQuery {
  run: (events: readonly ReadEvent[]) => Promise<void>;
  trim: () => Promise<void>;
  close: () => void;
}

async function startQuery(plan: Plan, folder: string): Promise<RunningQuery> {
  const products = join(folder, 'products.json');
  const rows = Array.from({ length: PRODUCTS }, (_, i) => ({
    product_id: i,
    sku_id: i,
    price: 4_900,
    product_state: 'on_sale',
    product_code: `P-${i}`,
    can_purchase: true,
  }));
  await writeFile(products, JSON.stringify(rows));
  const engine = await createEngine(plan, DEFAULT_TIME_POLICY);
  for (const { name } of plan.references) await engine.references.load(name, products, 0);
  const results = await openResults(engine.connection, join(folder, 'results.duckdb'), plan.outputs);
  return {
    run: async (events) => {
      const outputs: Output[] = [];
      await engine.process(plan.sources[0]?.input ?? '', events, (output) => {
        outputs.push(output);
        return Promise.resolve();
      });
      await results.commit(outputs, new Map());
    },
    trim: results.trim,
    close: engine.close,
  };
}

/** Reads the hub from its beginning. @returns how long it took until all events had been taken, ms */
async function readAll(
  connectionString: string,
  take: (events: readonly ReadEvent[]) => Promise<void>,
): Promise<number> {
  const start = performance.now();
  let reader: HubReader | undefined;
  await new Promise<void>((resolve, reject) => {
    let count = 0;
    let waiting: ReadEvent[] = [];
    let busy = Promise.resolve();
    reader = readHub({
      connectionString,
      consumerGroup: 'analytics',
      checkpoint: () => new Map(),
      onReset: () => undefined,
      onError: reject,
      take: (events) => {
        waiting.push(...events);
        // As the job does: what has come meanwhile is one batch.
        busy = busy.then(async () => {
          const batch = waiting;
          waiting = [];
          if (batch.length > 0) await take(batch);
          if ((count += batch.length) >= EVENTS) resolve();
        });
        return Promise.resolve();
      },
    });
  });
  const took = performance.now() - start;
  await reader?.close();
  return took;
}

/** Events as the shop sends them, minute after minute, without the hub: memory is the query's own. */
async function measureMemory(job: RunningQuery): Promise<Result> {
  const rss: number[] = [];
  const start = performance.now();
  const firstUs = Date.now() * 1_000;
  for (let done = 0; done < MEMORY_EVENTS; done += MEMORY_BATCH) {
    const events = Array.from({ length: MEMORY_BATCH }, (_, i) => shopEvent(done + i, firstUs));
    await job.run(events);
    if (done % (10 * MEMORY_BATCH) === 0) {
      await job.trim();
      globalThis.gc?.();
      rss.push(process.memoryUsage().rss / 1_048_576);
    }
  }
  const seconds = (performance.now() - start) / 1_000;
  const mb = rss.map((value) => Math.round(value));
  console.log(`analytics: memory (MB) at each 100,000 events: ${mb.join(', ')}`);
  return result(
    `analytics: 1,000,000 events through the query (${Math.round(MEMORY_EVENTS / seconds).toLocaleString('en')} events/s; memory ${mb[1] ?? 0} MB early, ${mb.at(-1) ?? 0} MB at the end)`,
    [seconds * 1_000],
  );
}

function shopEvent(n: number, firstUs: number): ReadEvent {
  const data = {
    event: n % 5 === 0 ? 'add_to_cart' : 'browse_product',
    event_value: `https://shop.example/ja/shop/products/${n % PRODUCTS}`,
    size_name: 'FREE',
    color_name: 'BLACK',
    product_id: n % PRODUCTS,
    referer_product_id: null,
  };
  return {
    body: JSON.stringify({ deviceId: `d${n % 1_000}`, Data: data }),
    enqueuedUs: firstUs + n * 100, // 10,000 a second
    partition: String(n % PARTITIONS),
    partitionId: n % PARTITIONS,
    sequenceNumber: n,
    deviceId: `d${n % 1_000}`,
    messageId: `m${n}`,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
