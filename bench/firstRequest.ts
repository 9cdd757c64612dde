import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startFunctionsHost } from '../local/functionsHost';
import { startDelayingProxy } from './delayingProxy';
import { startEmulatorProcess } from './emulatorProcess';
import { type Result, median, result } from './measure';

const KEY = 'bench';
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const WARM_REQUESTS = 5;
/** As from a region away. */
const ROUND_TRIP_MS = 40;
/** Between load and first request on an instance that was started ahead of need. */
const AHEAD_MS = 1_000;
const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');
const COLD_FOLDER = 'node_modules/.cache/hubfront-bench/cold';

type Requests = Record<'send' | 'poll' | 'register', () => Promise<void>>;

/**
 * The first answer of a fresh instance, whose connections to the hub are yet to be opened, against its warm answers;
 * with the hub a round trip of 40 ms away. Three times: without warming up at load; with it and the request at once, as
 * when the request is what the instance was started for; with it and the request a second later, as on an instance that
 * is always ready or was added ahead of need.
 */
export async function benchFirstRequest(): Promise<Result[]> {
  const emulator = await startEmulatorProcess(4);
  const https = await startDelayingProxy(emulator.hubPort, ROUND_TRIP_MS);
  const amqp = await startDelayingProxy(emulator.amqpPort, ROUND_TRIP_MS);
  const settings = emulator.settingsAt({ hubPort: https.port, amqpPort: amqp.port });
  const cold = await coldApp();
  try {
    const results: Result[] = [];
    for (const [what, appFolder, aheadMs] of [
      ['not warmed up', cold, 0],
      ['warming up, at once', process.cwd(), 0],
      ['warmed up, a second later', process.cwd(), AHEAD_MS],
    ] as const) {
      for (const kind of ['send', 'poll', 'register'] as const) {
        const first: number[] = [];
        const warm: number[] = [];
        for (let round = 0; round < ROUNDS; round += 1) {
          const host = await startFunctionsHost({
            appFolder,
            port: 0,
            functionKeys: { bench: KEY },
            log: console.error,
            settings: () => settings,
          });
          const ask = requests(host.url)[kind];
          await delay(aheadMs);
          first.push(await timed(ask));
          for (let i = 0; i < WARM_REQUESTS; i += 1) warm.push(await timed(ask));
          await host.close();
        }
        const trips = (median(first) - median(warm)) / ROUND_TRIP_MS;
        const named = `first ${kind}, ${what}: ${trips.toFixed(1)} round trips more`;
        results.push(result(named, first, 'the same, warm', warm));
      }
    }
    return results;
  } finally {
    https.close();
    amqp.close();
    await emulator.close();
  }
}

/** The built app with its hook at start left out. */
async function coldApp(): Promise<string> {
  const folder = join(process.cwd(), COLD_FOLDER);
  await mkdir(folder, { recursive: true });
  await copyFile('host.json', join(folder, 'host.json'));
  await writeFile(join(folder, 'package.json'), '{ "main": "index.js" }\n');
  await writeFile(
    join(folder, 'index.js'),
    `const core = require('@azure/functions-core');
const { registerHook } = core;
core.registerHook = (name, hook) => (name === 'appStart' ? new core.Disposable(() => {}) : registerHook(name, hook));
require(${JSON.stringify(join(process.cwd(), 'dist/app.js'))});
`,
  );
  return folder;
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
    // Of a device that the hub does not know: its answer takes the same way, and needs no registration before it.
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
