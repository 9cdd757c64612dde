import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DashboardEnvironment } from './dashboard/process';
import { startDashboard } from './dashboard';
import { LOCAL_HOST_KEY } from './functionKeys';
import { type Running, closeAll, startError } from './lifecycle';
import { DEFAULT_PORTS } from './defaultPorts';
import { type ReservedPort, reservePort, reserveUsualPort } from './reservePorts';
import { startBlobStorage, startProductDatabase, storageConnection } from './products';
import { type Supervised, supervise } from './supervise';

/**
 * The ports of the parts that start after the functions. The settings of the functions already contain these ports.
 */
export interface AnalyticsPorts {
  dashboard: ReservedPort;
  database: ReservedPort;
  blob: ReservedPort;
}

export const QUERY_FILE = 'infra/analytics/query.asaql';
const CONSUMER_GROUP = 'analytics';
const CONTAINER = 'reference';
const SNAPSHOT_ATTEMPTS = 10;
const SNAPSHOT_RETRY_MS = 500;

/**
 * Reserves the ports. If a default port is in use, any free port is reserved.
 *
 * @throws Node's listen error if a port set by a flag is in use
 */
export async function reserveAnalyticsPorts(wanted: {
  dashboardPort?: number;
  databasePort?: number;
  blobPort?: number;
}): Promise<AnalyticsPorts> {
  const reserve = (port: number | undefined, usual: number): Promise<ReservedPort> =>
    port === undefined ? reserveUsualPort(usual) : reservePort(port);
  const [dashboard, database, blob] = await Promise.all([
    reserve(wanted.dashboardPort, DEFAULT_PORTS.dashboard),
    reserve(wanted.databasePort, DEFAULT_PORTS.database),
    reserve(wanted.blobPort, DEFAULT_PORTS.blob),
  ]);
  return { dashboard, database, blob };
}

/** Names of the parts, in the order in which they become ready. */
export type AnalyticsPart = 'blob' | 'products' | 'snapshot' | 'dashboard';

export interface AnalyticsOptions {
  ports: AnalyticsPorts;
  /** URL of your own PostgreSQL; undefined: PGlite with the demo shop's products */
  databaseUrl: string | undefined;
  eventHubConnection: string;
  functionsUrl: string;
  /** URL of the demo shop. The dashboard links to its products. */
  shopUrl: string;
  /** called when a part can be used, with its URL if it has one */
  onReady: (part: AnalyticsPart, url: string) => void;
  log: (line: string) => void;
}

/**
 * Starts the product database, Blob storage, the first snapshot, and the analytics job with its dashboard, in separate
 * processes. If a part fails, the error is logged and the others continue.
 *
 * @returns a handle that stops them; `started` settles when each part is ready or has failed
 */
export function startAnalytics(options: AnalyticsOptions): Running & { started: Promise<void> } {
  const { ports, log, onReady } = options;
  const running: Running[] = [];
  let closing = false;
  const isClosing = (): boolean => closing;
  const keep = (part: Supervised): Supervised => {
    running.push(part);
    return part;
  };

  async function startStorage(): Promise<void> {
    const storage = keep(
      supervise({
        name: 'Blob storage',
        start: () => startBlobStorage(ports.blob.port, log, ports.blob.takeOver()),
        consequence:
          'The product snapshots in it are lost. Blob storage is restarted, and a new snapshot is taken.',
        onRestart: () => void reported(requestSnapshot()),
        log,
      }),
    );
    onReady('blob', await storage.ready);
  }

  async function startDatabase(): Promise<void> {
    if (options.databaseUrl !== undefined) {
      onReady('products', 'PRODUCTS_DATABASE_URL');
      return;
    }
    const database = startProductDatabase(ports.database.takeOver() ?? ports.database.port, log);
    running.push(database);
    onReady('products', await database.ready);
  }

  async function startDashboardAndJob(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'hubfront-analytics-'));
    const results: Running = { close: () => rm(folder, { recursive: true, force: true }) };
    running.unshift(results);
    if (isClosing()) {
      await results.close();
      return;
    }
    const environment = environmentOf(options, join(folder, 'results.duckdb'));
    const dashboard = keep(
      supervise({
        name: 'The dashboard',
        start: () => startDashboard(environment, log, ports.dashboard.takeOver()),
        consequence:
          'The analytics job runs in the same process. It is restarted and continues after the last event in its results, so no event is lost.',
        log,
      }),
    );
    onReady('dashboard', await dashboard.ready);
  }

  /** Runs the timer function now. Its result is in the functions' log. */
  async function requestSnapshot(): Promise<void> {
    for (let attempt = 1; attempt <= SNAPSHOT_ATTEMPTS && !isClosing(); attempt += 1) {
      const response = await fetch(`${options.functionsUrl}/admin/functions/snapshotProducts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-functions-key': LOCAL_HOST_KEY },
        body: '{}',
      }).catch(() => undefined);
      if (response?.ok) return;
      await delay(SNAPSHOT_RETRY_MS);
    }
    if (!isClosing()) throw new Error('the functions took no product snapshot');
  }

  async function takeFirstSnapshot(): Promise<void> {
    await requestSnapshot();
    onReady('snapshot', `${options.functionsUrl}/admin/functions/snapshotProducts`);
  }

  const reported = (work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => {
      if (!isClosing()) log(`analytics: ${startError(error)}`);
    });
  /** A failure is reported where it occurs, and parts that depend on it do not start. */
  const after = (needed: readonly Promise<void>[], work: () => Promise<void>): Promise<void> =>
    Promise.all(needed).then(
      () => (isClosing() ? undefined : reported(work())),
      () => undefined,
    );

  const [storage, database] = [startStorage(), startDatabase()];
  const started = Promise.all([
    reported(storage),
    reported(database),
    after([storage, database], takeFirstSnapshot),
    after([storage], startDashboardAndJob),
  ]).then(() => undefined);
  return {
    started,
    close: async () => {
      closing = true;
      await Promise.all(Object.values(ports).map(({ release }: ReservedPort) => release()));
      await closeAll([...running]);
    },
  };
}

function environmentOf(
  { ports, eventHubConnection, shopUrl }: AnalyticsOptions,
  resultsFile: string,
): DashboardEnvironment {
  return {
    DASHBOARD_PORT: String(ports.dashboard.port),
    ANALYTICS_QUERY: QUERY_FILE,
    ANALYTICS_EVENTHUB_CONNECTION: eventHubConnection,
    ANALYTICS_CONSUMERGROUP: CONSUMER_GROUP,
    ANALYTICS_STORAGE: storageConnection(ports.blob.port),
    ANALYTICS_CONTAINER: CONTAINER,
    ANALYTICS_RESULTS: resultsFile,
    SHOP_URL: shopUrl,
  };
}
