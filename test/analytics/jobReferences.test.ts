import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type Server, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { type Job, resultTable, startJob } from '../../analytics/job';
import { openHub } from '../../local/openHub';
import { openReferences } from '../../analytics/job/referenceUpdates';
import { translate } from '../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { type Emulator, startEmulator } from '../../emulator/index';
import { type Azurite, startAzurite } from '../azurite';

/** An event with a text in `n` stops it. */
const QUERY = `SELECT CAST(i.n AS bigint) AS n, r.version AS r, s.version AS s INTO rows
  FROM [events] i JOIN [r] ON r.k = i.k JOIN [s] ON s.k = i.k`;
/** Longer than the job waits before it looks for snapshots again. */
const POLL_MS = 3_000;
const SLOW = { timeout: 20_000 };

let azurite: Azurite;
let emulator: Emulator;
/** Azurite as the jobs reach it */
let proxy: Server;
let storageConnection: string;
/** Names with this beginning are refused. `''`: storage does not respond to any request. */
let refused: string | undefined;
let requests = 0;
let folder: string;
let container: ContainerClient;
let containers = 0;
let job: Job | undefined;
let log: string[];

beforeAll(async () => {
  azurite = await startAzurite();
  folder = await mkdtemp(join(tmpdir(), 'hubfront-references-'));
  emulator = await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 1, caFolder: folder });
  const [, url = ''] = /BlobEndpoint=([^;]*)/.exec(azurite.connectionString) ?? [];
  const { port } = new URL(url);
  proxy = createServer((incoming, response) => {
    requests += 1;
    const { method, headers, url: path = '' } = incoming;
    if (refused !== undefined && decodeURIComponent(path).includes(refused)) {
      // The SDK does not retry a request that is forbidden.
      response.writeHead(403).end();
      return;
    }
    const forwarded = request({ port, method, headers, path }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port: proxyPort } = proxy.address() as AddressInfo;
  storageConnection = azurite.connectionString.replace(`:${port}/`, `:${proxyPort}/`);
  await mkdir(join(folder, 'Inputs'));
  await writeFile(join(folder, 'query.asaql'), QUERY);
  for (const Name of ['r', 's']) {
    const BlobReferenceProperties = { PathPattern: `${Name}/{date}/{time}/rows.json` };
    await writeFile(
      join(folder, 'Inputs', `${Name}.json`),
      JSON.stringify({ ScriptType: 'Input', Name, BlobReferenceProperties }),
    );
  }
});
afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await Promise.all([emulator.close(), azurite.close()]);
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  refused = undefined;
  log = [];
  container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(
    `reference-${(containers += 1)}`,
  );
  await container.create();
  emulator.admin.reset();
});
afterEach(async () => {
  vi.useRealTimers();
  await job?.close();
  job = undefined;
});

const pathOf = (name: string, version: number): string => `${name}/2020-01-0${version}/00-00/rows.json`;

const rowsWith = (version: number): string => JSON.stringify([{ k: 'a', version }]);

async function upload(
  name: string,
  version: number,
  rows: string | Buffer = rowsWith(version),
): Promise<void> {
  await container.uploadBlockBlob(pathOf(name, version), rows, Buffer.byteLength(rows));
}

const options = () => ({
  queryFile: join(folder, 'query.asaql'),
  openHub,
  eventHubConnection: emulator.connectionStrings.eventHub('service'),
  consumerGroup: 'analytics',
  storageConnection,
  container: container.containerName,
  resultsFile: join(folder, `${containers}.duckdb`),
  log: (line: string) => log.push(line),
});

/** The job looks for new snapshots only in {@link poll}. */
async function start(): Promise<Job> {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  return (job = await startJob(options()));
}

const poll = (): void => {
  vi.advanceTimersByTime(POLL_MS);
};

const sendEvent = (n: number | string): void => {
  emulator.admin.seed({ count: 1, bodies: [{ k: 'a', n }] });
};

async function rowsOf({ connection }: Job): Promise<unknown[]> {
  const read = await connection
    .runAndReadAll(`SELECT n::INTEGER, r::VARCHAR, s::VARCHAR FROM ${resultTable('rows')} ORDER BY ALL`)
    .catch(() => undefined); // The table is made with the first row.
  return read?.getRows() ?? [];
}

const stateOf = (one: Job) => () => {
  const { status, problem } = one.state();
  return { status, problem: problem === undefined ? 'none' : 'some' };
};

test('a job that is started again waits until storage has returned the newer versions', async () => {
  await Promise.all([upload('r', 1), upload('s', 1)]);
  const first = await start();
  await expect.poll(() => first.state().status, SLOW).toBe('running');
  await first.close();
  await Promise.all([upload('r', 2), upload('s', 2), upload('r', 3)]);
  sendEvent(1);

  refused = '';
  const second = await start();
  await expect.poll(stateOf(second), SLOW).toEqual({ status: 'waiting', problem: 'some' });
  refused = undefined;
  poll();
  await expect.poll(() => rowsOf(second), SLOW).toEqual([[1, '3', '2']]);
});

test('a job that has stopped loads no more snapshots', async () => {
  await Promise.all([upload('r', 1), upload('s', 1)]);
  sendEvent('no number');
  const stopped = await start();
  await expect.poll(() => stopped.state().status, SLOW).toBe('stopped');
  const { problem } = stopped.state();
  await Promise.all([upload('r', 2), upload('s', 2)]);
  const before = requests;
  poll();
  await new Promise(setImmediate);
  await stopped.close();
  expect(requests).toBe(before);
  expect(stopped.state().problem).toBe(problem);
});

/** The references of a new job, and of one that is started again on its state. */
async function references(resultsFile: string) {
  const stateFile = { file: resultsFile, name: 'results', fingerprint: 'same' };
  const engine = await createEngine(translate(QUERY), DEFAULT_TIME_POLICY, new Map(), stateFile);
  const updates = await openReferences(engine, options());
  return { ...updates, close: engine.close, paths: () => updates.loaded().map(({ path }) => path) };
}

const MALFORMED = [
  ['malformed JSON', '[{"k": "a", "version": 2}, {"k": '],
  ['rows that are no objects', '[1, 2]'],
  ['incomplete gzip', gzipSync(rowsWith(2)).subarray(0, -9)],
] as const;
test.each(MALFORMED)('a snapshot with %s is skipped, and logged once', async (_, text) => {
  const file = join(folder, `${containers}.state`);
  await Promise.all([upload('r', 1), upload('s', 1)]);
  const first = await references(file);
  expect(await first.update()).toEqual({ next: undefined, isComplete: true, problem: undefined });
  await Promise.all([upload('r', 2, text), upload('s', 2)]);
  const problem = expect.stringMatching(new RegExp(`^${pathOf('r', 2)}: `)) as string;
  for (let again = 0; again < 2; again += 1)
    expect(await first.update()).toEqual({ next: undefined, isComplete: true, problem });
  expect(first.paths()).toEqual([pathOf('r', 1), pathOf('s', 2)]);
  expect(log.filter((line) => line.includes(pathOf('r', 2)))).toHaveLength(1);
  first.close();

  await upload('r', 3);
  const second = await references(file);
  expect(await second.update()).toEqual({ next: undefined, isComplete: true, problem: undefined });
  expect(second.paths()).toEqual([pathOf('r', 3), pathOf('s', 2)]);
  second.close();
});

test('a new job loads the newest snapshot whose content is valid', async () => {
  await Promise.all([upload('r', 1), upload('r', 2), upload('r', 3, '[{'), upload('s', 1, '[{')]);
  const opened = await references(join(folder, `${containers}.state`));
  expect(await opened.update()).toMatchObject({ isComplete: false });
  expect(opened.paths()).toEqual([pathOf('r', 2)]);
  // Corrected at its place.
  await Promise.all([upload('r', 3), upload('s', 1)]);
  expect(await opened.update()).toEqual({ next: undefined, isComplete: true, problem: undefined });
  expect(opened.paths()).toEqual([pathOf('r', 3), pathOf('s', 1)]);
  opened.close();
});

test('a path whose date or time does not exist is no snapshot, whatever its order among the others', async () => {
  await Promise.all([upload('r', 2), upload('s', 1), upload('r', 1)]);
  for (const time of [
    '2020-99-99/00-00',
    '2020-00-01/00-00',
    '2020-02-30/00-00',
    '2020-01-01/24-00',
    '2020-01-01/23-60',
  ])
    await container.uploadBlockBlob(`r/${time}/rows.json`, rowsWith(9), rowsWith(9).length);
  const { update, paths, close } = await references(join(folder, `${containers}.state`));
  await update();
  expect(paths()).toEqual([pathOf('r', 2), pathOf('s', 1)]);
  close();
});

test('an error of storage ends the update of one reference input, and not of the others', async () => {
  await Promise.all([upload('r', 1), upload('s', 1)]);
  const opened = await references(join(folder, `${containers}.state`));
  await opened.update();
  await Promise.all([upload('r', 2), upload('r', 3), upload('s', 2)]);
  refused = pathOf('r', 2);
  expect(await opened.update()).toMatchObject({
    isComplete: false,
    problem: expect.stringContaining("'r' could not be read") as string,
  });
  expect(opened.paths()).toEqual([pathOf('r', 1), pathOf('s', 2)]);
  refused = undefined;
  expect(await opened.update()).toMatchObject({ isComplete: true, problem: undefined });
  expect(opened.paths()).toEqual([pathOf('r', 3), pathOf('s', 2)]);
  opened.close();
});
