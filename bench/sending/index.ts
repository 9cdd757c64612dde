/** Benchmark of sending messages. */

import { type Result, result } from '../measure';
import { cpuMicroseconds, residentMb, startScript } from './childProcess';
import { BARE_NAME, DEVICE_KEY, EVENT, hostedApp, startFronts } from './front';
import { hostApp } from './hostApp';
import { type Load, type LoadRequest, type LoadResult, createLoad } from './load';
import { startNginx } from './nginx';

export { benchVisitors } from './visitors';

const CONNECTIONS = 32;
const ROUNDS = 9;
const REQUESTS = 3_000;
/** The slowest subject sends about 300 requests per second. */
const REQUESTS_OF_ORIGINAL = 600;
const BATCH = 100;

interface Subject {
  name: string;
  load: Load;
  requests: number;
  /** the processes whose CPU time counts, without the hub and the load generator */
  pids: () => readonly number[];
  rounds: LoadResult[];
  cpuPerRequest: number[];
}

/**
 * Sends over 32 connections through the app, compared with peers that do less: a bare proxy in Node, nginx with CORS
 * headers, and the design of the proof of concept in the same host. All of them send to one emulator in a separate
 * process.
 */
export async function benchSending(): Promise<Result[]> {
  const { emulator, app, bare, ordinary, straight, throughBare, close } = await startFronts();
  const closing: (() => Promise<void>)[] = [close];
  try {
    const { settings } = emulator;
    const hub = {
      endpoint: settings.IOTHUB_ENDPOINT,
      host: settings.IOTHUB_HOSTNAME,
      caFile: settings.IOTHUB_CA_FILE,
    };
    const proxy = await startScript('bench/sending/runProxy.ts', {
      BENCH_ENDPOINT: hub.endpoint,
      BENCH_HOST: hub.host,
      BENCH_CA_FILE: hub.caFile,
    });
    closing.push(proxy.close);
    const nginx = await startNginx(hub);
    if (nginx) closing.push(nginx.close);
    const originals = [];
    for (const keepAlive of ['true', 'false']) {
      const original = hostedApp(
        await hostApp('bench/sending/originalApp.ts', { ...settings, BENCH_KEEP_ALIVE: keepAlive }),
      );
      closing.push(original.close);
      originals.push(original);
    }

    const loadOn = (port: number, request: LoadRequest): Load => createLoad(port, CONNECTIONS, request);
    const subjects = [
      subject('the app', loadOn(app.port, ordinary), REQUESTS, () => app.pids),
      subject('node:http + undici pool', loadOn(Number(proxy.ready), straight), REQUESTS, () => [proxy.pid]),
      ...(nginx ? [subject('nginx', loadOn(nginx.port, straight), REQUESTS, nginx.pids)] : []),
      subject(BARE_NAME, loadOn(bare.port, throughBare), REQUESTS, () => bare.pids),
      ...originals.map(({ port, pids }, index) =>
        subject(
          `the original's design, ${index === 0 ? 'connections kept' : 'a connection each'}`,
          loadOn(port, ordinary),
          index === 0 ? REQUESTS : REQUESTS_OF_ORIGINAL,
          () => pids,
        ),
      ),
    ];
    for (const { load } of subjects) closing.unshift(load.close);
    for (const { load, requests } of subjects) await load.run(Math.ceil(requests / 3)); // warm
    for (let round = 0; round < ROUNDS; round += 1) for (const each of subjects) await measure(each);
    return [
      ...against(subjects),
      ...(await batches(app.port, emulator.requests)),
      ...(await memory(app.workerPid, subjects[0]?.load)),
    ];
  } finally {
    for (const end of closing.reverse()) await end();
  }
}

function subject(name: string, load: Load, requests: number, pids: () => readonly number[]): Subject {
  return { name, load, requests, pids, rounds: [], cpuPerRequest: [] };
}

async function measure({ load, requests, pids, rounds, cpuPerRequest }: Subject): Promise<void> {
  const before = cpuMicroseconds(pids());
  rounds.push(await load.run(requests));
  cpuPerRequest.push((cpuMicroseconds(pids()) - before) / requests);
}

function against([app, ...peers]: readonly Subject[]): Result[] {
  if (!app) return [];
  const rates = ({ rounds }: Subject): number[] => rounds.map(({ perSecond }) => perSecond);
  const p99s = ({ rounds }: Subject): number[] => rounds.map(({ p99 }) => p99);
  const p50s = app.rounds.map(({ p50 }) => p50);
  return [
    result('p50 of the app', p50s),
    ...peers.flatMap((peer) => [
      result('sends of the app', rates(app), peer.name, rates(peer), 'a second'),
      result('p99 of the app', p99s(app), peer.name, p99s(peer)),
      result('CPU a send of the app', app.cpuPerRequest, peer.name, peer.cpuPerRequest, 'µs'),
    ]),
  ];
}

/** Measures messages per second, singly and in batches, and the send operations that the hub counts. */
async function batches(port: number, hubRequests: () => Promise<number>): Promise<Result[]> {
  const sender = { deviceId: 'bench', deviceKey: DEVICE_KEY };
  const headers = { 'content-type': 'application/json' };
  const singly = createLoad(port, CONNECTIONS, {
    path: '/api/messages',
    headers,
    body: (n) => JSON.stringify({ ...sender, deviceMessage: { ...EVENT, n } }),
    expected: 201,
  });
  const together = createLoad(port, CONNECTIONS, {
    path: '/api/messages',
    headers,
    body: (n) =>
      JSON.stringify({
        ...sender,
        messages: Array.from({ length: BATCH }, (_, i) => ({ deviceMessage: { ...EVENT, n, i } })),
      }),
    expected: 201,
  });
  const rates = { singly: [] as number[], together: [] as number[] };
  const operations = { singly: 0, together: 0 };
  for (let n = 0; n < ROUNDS; n += 1) {
    let before = await hubRequests();
    rates.singly.push((await singly.run(REQUESTS)).perSecond);
    operations.singly = ((await hubRequests()) - before) / REQUESTS;
    before = await hubRequests();
    rates.together.push((await together.run(REQUESTS / 10)).perSecond * BATCH);
    operations.together = ((await hubRequests()) - before) / ((REQUESTS / 10) * BATCH);
  }
  await Promise.all([singly.close(), together.close()]);
  return [
    result(`messages in batches of ${BATCH}`, rates.together, 'singly', rates.singly, 'a second'),
    result('operations of the hub a message, singly', [operations.singly], undefined, undefined, 'count'),
    result('the same in batches', [operations.together], undefined, undefined, 'count'),
  ];
}

async function memory(worker: number, load: Load | undefined): Promise<Result[]> {
  const before = residentMb(worker);
  await load?.run(100_000);
  const after = residentMb(worker);
  return [
    result("resident memory of the app's process after 100,000 sends", [after], 'before', [before], 'MB'),
  ];
}
