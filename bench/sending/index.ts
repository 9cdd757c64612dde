/** Benchmark of sending messages. */

import { SharedAccessSignature } from 'azure-iot-common';
import { startEmulatorProcess } from '../emulatorProcess';
import { type Result, result } from '../measure';
import { type Child, cpuMicroseconds, residentMb, startScript } from './childProcess';
import { type Load, type LoadResult, createLoad } from './load';
import { startNginx } from './nginx';
import { hostApp } from './hostApp';
import { benchVisitors } from './visitors';

const CONNECTIONS = 32;
const ROUNDS = 9;
const REQUESTS = 3_000;
/** The slowest subject sends about 300 requests per second. */
const REQUESTS_OF_ORIGINAL = 600;
const BATCH = 100;
const KEY = 'bench';
const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');
const VISITOR_SETTINGS = {
  VISITOR_DEVICES: '16',
  VISITOR_KEY: Buffer.alloc(32, 2).toString('base64'),
};
const EVENT = {
  event: 'browse_product',
  event_value: 'https://shop.example/ja/shop/products/162-spangle-bag?color=379',
  product_id: 162,
};

interface Subject {
  name: string;
  load: Load;
  requests: number;
  /** the processes whose CPU time counts, without the hub and the load generator */
  pids: () => number[];
  rounds: LoadResult[];
  cpuPerRequest: number[];
}

/**
 * Sends over 32 connections through the app, compared with peers that do less: a bare proxy in Node, nginx with CORS
 * headers, and the design of the proof of concept in the same host. All of them send to one emulator in a separate
 * process.
 */
export async function benchSending(): Promise<Result[]> {
  const emulator = await startEmulatorProcess(4);
  const closing: (() => Promise<void>)[] = [emulator.close];
  try {
    const { settings } = emulator;
    const app = await startScript('bench/sending/runHost.ts', {
      BENCH_SETTINGS: JSON.stringify({ ...settings, ...VISITOR_SETTINGS }),
      BENCH_KEY: KEY,
    });
    closing.push(app.close);
    await registerDevice(app);
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
    const bare = await hostApp('bench/sending/bareApp.ts', settings);
    closing.push(bare.close);
    const originals = [];
    for (const keepAlive of ['true', 'false']) {
      const original = await hostApp('bench/sending/originalApp.ts', {
        ...settings,
        BENCH_KEEP_ALIVE: keepAlive,
      });
      closing.push(original.close);
      originals.push(original);
    }

    const json = { 'content-type': 'application/json', origin: 'https://shop.example' };
    const one = (n: number) =>
      JSON.stringify({ deviceId: 'bench', deviceKey: DEVICE_KEY, deviceMessage: { ...EVENT, n } });
    const front = { path: '/api/messages', headers: json, body: one, expected: 201 };
    const straight = {
      path: '/devices/bench/messages/events?api-version=2021-04-12',
      headers: { ...json, authorization: deviceToken(hub.host) },
      body: (n: number) => JSON.stringify({ deviceId: 'bench', Data: { ...EVENT, n } }),
      expected: 204,
    };
    const [port = 0] = portAndPid(app);
    const subjects = [
      subject('the app', createLoad(port, CONNECTIONS, front), REQUESTS, () => [
        app.pid,
        ...portAndPid(app).slice(1),
      ]),
      subject(
        'node:http + undici pool',
        createLoad(Number(proxy.ready), CONNECTIONS, straight),
        REQUESTS,
        () => [proxy.pid],
      ),
      ...(nginx
        ? [subject('nginx', createLoad(nginx.port, CONNECTIONS, straight), REQUESTS, nginx.pids)]
        : []),
      subject(
        'node:http + undici pool, as a function in the same host',
        createLoad(portAndPid(bare)[0] ?? 0, CONNECTIONS, { ...straight, path: `/api${straight.path}` }),
        REQUESTS,
        () => [bare.pid, ...portAndPid(bare).slice(1)],
      ),
      ...originals.map((original, index) =>
        subject(
          `the original's design, ${index === 0 ? 'connections kept' : 'a connection each'}`,
          createLoad(portAndPid(original)[0] ?? 0, CONNECTIONS, front),
          index === 0 ? REQUESTS : REQUESTS_OF_ORIGINAL,
          () => [original.pid, ...portAndPid(original).slice(1)],
        ),
      ),
    ];
    for (const { load } of subjects) closing.unshift(load.close);
    for (const { load, requests } of subjects) await load.run(Math.ceil(requests / 3)); // warm
    for (let round = 0; round < ROUNDS; round += 1) for (const each of subjects) await measure(each);
    return [
      ...against(subjects),
      ...(await benchVisitors({
        appPort: port,
        key: KEY,
        ordinary: front,
        event: EVENT,
        barePort: portAndPid(bare)[0] ?? 0,
        bare: { ...straight, path: `/api${straight.path}` },
        hubRequests: emulator.requests,
      })),
      ...(await batches(port, emulator.requests)),
      ...(await memory(portAndPid(app)[1] ?? 0, subjects[0]?.load)),
    ];
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

function subject(name: string, load: Load, requests: number, pids: () => number[]): Subject {
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

const portAndPid = ({ ready }: Child): number[] => ready.split(' ').map(Number);

async function registerDevice(app: Child): Promise<void> {
  const [port = 0] = portAndPid(app);
  const { status } = await fetch(`http://127.0.0.1:${port}/api/devices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-functions-key': KEY },
    body: JSON.stringify({ deviceId: 'bench', deviceKey: DEVICE_KEY }),
  });
  if (status !== 201) throw new Error(`the device could not be registered: ${status}`);
}

function deviceToken(host: string): string {
  const expiry = Math.ceil(Date.now() / 1_000) + 3_600;
  return SharedAccessSignature.create(`${host}/devices/bench`, '', DEVICE_KEY, expiry).toString();
}
