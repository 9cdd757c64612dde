import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from './childProcess';
import { startDashboard } from './dashboard';
import { LOCAL_HOST_KEY } from './functionKeys';
import { type Running, closeAll } from './lifecycle';
import { startBlobStorage, startProductDatabase, storageConnection } from './products';

export interface AnalyticsPorts {
  dashboard: number;
  database: number;
  blob: number;
}

const DEFAULT_PORTS: AnalyticsPorts = { dashboard: 3001, database: 5433, blob: 10_000 };

const QUERY_FILE = 'infra/analytics/query.asaql';
const CONSUMER_GROUP = 'analytics';
const CONTAINER = 'reference';
/** A dashboard that dies is brought back this often; it goes on where its results end. */
const MAX_RESTARTS = 20;
const SNAPSHOT_ATTEMPTS = 10;

/**
 * Free ports for what starts after the functions, whose settings name them already.
 *
 * @throws Node's listen error when a port that was asked for is taken; a default one is then any free port
 */
export async function reserveAnalyticsPorts(asked: {
  dashboardPort?: number;
  databasePort?: number;
  blobPort?: number;
}): Promise<AnalyticsPorts> {
  const [dashboard, database, blob] = await Promise.all([
    reserve(asked.dashboardPort, DEFAULT_PORTS.dashboard),
    reserve(asked.databasePort, DEFAULT_PORTS.database),
    reserve(asked.blobPort, DEFAULT_PORTS.blob),
  ]);
  return { dashboard, database, blob };
}

async function reserve(asked: number | undefined, usual: number): Promise<number> {
  if (asked !== undefined) return tryPort(asked);
  return tryPort(usual).catch(() => tryPort(0));
}

async function tryPort(port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  const found = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return found;
}

export interface AnalyticsOptions {
  ports: AnalyticsPorts;
  /** a PostgreSQL of one's own; undefined: PGlite with the demo shop's products */
  databaseUrl: string | undefined;
  eventHubConnection: string;
  functionsUrl: string;
  log: (line: string) => void;
}

/**
 * Starts the product database, Blob storage, the first snapshot, the analytics job and its dashboard, each in a process
 * of its own, with a line for each when it is there. What fails is told, and the rest goes on.
 */
export function startAnalytics(options: AnalyticsOptions): Running {
  const { ports, log } = options;
  const running: Running[] = [];
  let closing = false;
  const isClosing = (): boolean => closing;
  const keep = (child: Child): Child => {
    running.push(child);
    return child;
  };

  async function start(): Promise<void> {
    const storage = keep(startBlobStorage(ports.blob, log));
    const database =
      options.databaseUrl === undefined ? keep(startProductDatabase(ports.database, log)) : undefined;
    const results = await mkdtemp(join(tmpdir(), 'hubfront-analytics-'));
    running.unshift({ close: () => rm(results, { recursive: true, force: true }) });
    await storage.ready;
    const dashboard = superviseDashboard(join(results, 'results.duckdb'));
    if (database) log(`products   ${await database.ready}  (PostgreSQL, PGlite)`);
    else log('products   PRODUCTS_DATABASE_URL');
    await requestSnapshot();
    log(
      `snapshots  POST ${options.functionsUrl}/admin/functions/snapshotProducts takes one now  (x-functions-key: ${LOCAL_HOST_KEY}, content-type: application/json, body: {})`,
    );
    const url = await dashboard;
    log(`analytics  ${QUERY_FILE} on the consumer group ${CONSUMER_GROUP}`);
    log(`dashboard  ${url}`);
  }

  /** @returns the URL of the dashboard, once it is there */
  function superviseDashboard(resultsFile: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let restarts = 0;
      const launch = (): void => {
        if (isClosing()) return;
        const child = startJob(options, resultsFile);
        running.push(child);
        child.ready.then(resolve, () => undefined);
        void child.ended.then(() => {
          running.splice(running.indexOf(child), 1);
          if (!isClosing() && (restarts += 1) > MAX_RESTARTS)
            reject(new Error('the dashboard does not stay up'));
          else launch();
        });
      };
      launch();
    });
  }

  /** The timer's own run, on demand: its outcome is in the functions' log. */
  async function requestSnapshot(): Promise<void> {
    for (let attempt = 1; attempt <= SNAPSHOT_ATTEMPTS && !isClosing(); attempt += 1) {
      const answer = await fetch(`${options.functionsUrl}/admin/functions/snapshotProducts`, {
        method: 'POST',
        headers: { 'x-functions-key': LOCAL_HOST_KEY, 'content-type': 'application/json' },
        body: '{}',
      }).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    if (!isClosing()) log('analytics: the functions took no product snapshot');
  }

  const started = start().catch((error: unknown) => {
    if (!isClosing()) log(`analytics: ${(error as Error).message}`);
  });
  return {
    close: async () => {
      closing = true;
      await Promise.race([closeAll([...running]), started.then(() => closeAll([...running]))]);
      await closeAll([...running]);
    },
  };
}

function startJob({ ports, eventHubConnection, log }: AnalyticsOptions, resultsFile: string): Child {
  return startDashboard(
    {
      DASHBOARD_PORT: String(ports.dashboard),
      ANALYTICS_QUERY: QUERY_FILE,
      ANALYTICS_EVENTHUB_CONNECTION: eventHubConnection,
      ANALYTICS_CONSUMERGROUP: CONSUMER_GROUP,
      ANALYTICS_STORAGE: storageConnection(ports.blob),
      ANALYTICS_CONTAINER: CONTAINER,
      ANALYTICS_RESULTS: resultsFile,
    },
    log,
  );
}
