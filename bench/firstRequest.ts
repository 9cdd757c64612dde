/** Benchmark of the first request of a new instance. */

import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { startFunctionsHost } from '../local/functionsHost';
import { startEmulatorProcess } from './emulatorProcess';
import { describeFlights, roundTrips } from './capture';
import { type HubProxy, startHubProxy } from './hubProxy';
import { type Result, median, result } from './measure';
import { writeApp } from './peerApps';

const KEY = 'bench';
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const WARM_REQUESTS = 5;
/** Round trip to a hub in another region. */
const ROUND_TRIP_MS = 40;
/** Time between load and first request on an instance that was started in advance. */
const AHEAD_MS = 1_000;
const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');

const KINDS = ['send', 'poll', 'register'] as const;
type Kind = (typeof KINDS)[number];
type Requests = Record<Kind, () => Promise<void>>;

/**
 * Compares the first response of a new instance with its warm responses, with a round trip of 40 ms to the hub. The
 * peer is the same instance, so the difference is due to the cold start. There are three cases: without warm-up at
 * load; with warm-up and an immediate request, as if the request started the instance; and with warm-up and a request
 * a second later, as on an instance that is always ready or was added in advance. A proxy counts the round trips. The
 * rest of the difference is code that runs for the first time.
 */
export async function benchFirstRequest(): Promise<Result[]> {
  const emulator = await startEmulatorProcess(4);
  const https = await startHubProxy(emulator.hubPort, ROUND_TRIP_MS);
  const amqp = await startHubProxy(emulator.amqpPort, ROUND_TRIP_MS);
  const settings = emulator.settingsAt({ hubPort: https.port, amqpPort: amqp.port });
  const variants = [
    ['not warmed up', await appWithoutWarmUp(), 0],
    ['warming up, at once', process.cwd(), 0],
    ['warmed up, a second later', process.cwd(), AHEAD_MS],
  ] as const;
  const measured = new Map<string, FirstRequest[]>();
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [variant, appFolder, aheadMs] of variants) {
        for (const kind of KINDS) {
          const first = await firstRequest({ kind, appFolder, aheadMs, settings, proxies: { https, amqp } });
          const name = `${kind}, ${variant}`;
          measured.set(name, [...(measured.get(name) ?? []), first]);
        }
      }
    }
    for (const [name, [one]] of measured) {
      if (name.endsWith('not warmed up')) console.log(`first ${name}, on the wire:\n${one?.wire ?? ''}\n`);
    }
    return [...measured].flatMap(([name, rounds]) => lines(name, rounds));
  } finally {
    https.close();
    amqp.close();
    await emulator.close();
  }
}

interface FirstRequest {
  firstMs: number;
  warmMs: number;
  /** round trips on the network during the first request */
  firstTrips: number;
  warmTrips: number;
  /** the traffic, one line per flight */
  wire: string;
}

function lines(name: string, rounds: readonly FirstRequest[]): Result[] {
  const all = (get: (one: FirstRequest) => number): number[] => rounds.map(get);
  const more = all((one) => (one.firstMs - one.warmMs) / ROUND_TRIP_MS);
  const onTheWire = all((one) => one.firstTrips - one.warmTrips);
  return [
    result(
      `first ${name}`,
      all((one) => one.firstMs),
      'the same, warm',
      all((one) => one.warmMs),
    ),
    result(`… it takes longer by, at ${ROUND_TRIP_MS} ms each`, more, undefined, undefined, 'round trips'),
    result('… of which on the wire', onTheWire, undefined, undefined, 'round trips'),
  ];
}

async function firstRequest(how: {
  kind: Kind;
  appFolder: string;
  aheadMs: number;
  settings: Record<string, string>;
  proxies: { https: HubProxy; amqp: HubProxy };
}): Promise<FirstRequest> {
  const { https, amqp } = how.proxies;
  const proxy = how.kind === 'poll' ? amqp : https;
  proxy.startCapture();
  const host = await startFunctionsHost({
    appFolder: how.appFolder,
    port: 0,
    functionKeys: { host: { bench: KEY } },
    log: (line) => !line.includes('] information: ') && console.error(line),
    settings: () => how.settings,
  });
  try {
    const ask = requests(host.url)[how.kind];
    await delay(how.aheadMs);
    if (how.aheadMs > 0) proxy.startCapture();
    const firstMs = await timed(ask);
    const first = proxy.captured();
    const [firstTrips, wire] = [roundTrips(first), describeFlights(first)];
    const warm: number[] = [];
    for (let i = 0; i < WARM_REQUESTS; i += 1) warm.push(await timed(ask));
    proxy.startCapture();
    await ask();
    return { firstMs, warmMs: median(warm), firstTrips, warmTrips: roundTrips(proxy.captured()), wire };
  } finally {
    await host.close();
  }
}

/** The built app without its start hook. */
function appWithoutWarmUp(): Promise<string> {
  return writeApp(
    'cold',
    `const core = require('@azure/functions-core');
const { registerHook } = core;
core.registerHook = (name, hook) => (name === 'appStart' ? new core.Disposable(() => {}) : registerHook(name, hook));
require(${JSON.stringify(join(process.cwd(), 'dist/app.js'))});
`,
  );
}

let devices = 0;

function requests(host: string): Requests {
  const call = async (path: string, body?: object): Promise<void> => {
    const response = await fetch(`${host}/api/${path}`, {
      headers: { 'x-functions-key': KEY, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok && response.status !== 401)
      throw new Error(`${path} answered ${response.status}: ${text}`);
  };
  return {
    // Sends as an unknown device, because the response takes the same path and needs no earlier registration.
    send: () => call('messages', { deviceId: 'bench', deviceKey: DEVICE_KEY, deviceMessage: 1 }),
    poll: () => call('message_feed'),
    register: () => call('devices', { deviceId: `bench-${(devices += 1)}` }),
  };
}

async function timed(ask: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await ask();
  return performance.now() - start;
}
