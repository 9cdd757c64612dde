/** Benchmark of requests after an instance was suspended. */

import { setTimeout as delay } from 'node:timers/promises';
import { type FunctionsHost, startFunctionsHost } from '../local/functionsHost';
import { startEmulatorProcess } from './emulatorProcess';
import { type HubProxy, startHubProxy } from './hubProxy';
import { type Result, result } from './measure';
import { readResponse } from './pollClient';

const KEY = 'bench';
const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');
/** Round trip to a hub in another region. */
const ROUND_TRIP_MS = 40;
const WARM_REQUESTS = 9;
/** Instances per function, because an instance can be used only once after a suspend. */
const INSTANCES = 3;
const FROZEN_SECONDS = (process.env.FREEZE_SECONDS ?? '10,60,600').split(',').map(Number);
/** Time until a message arrives for a waiting poll. */
const MESSAGE_AFTER_MS = 300;
/** Deadline of a registration or send (the default of HUB_DEADLINE_SECONDS), and of a poll. */
const DEADLINE_MS = 10_000;

type Emulator = Awaited<ReturnType<typeof startEmulatorProcess>>;
/** @returns duration of the request in ms @throws if the response is wrong */
type Ask = (host: FunctionsHost) => Promise<number>;

interface Instance {
  name: string;
  ask: Ask;
  host: FunctionsHost;
}

/**
 * Suspends instances with warm connections (SIGSTOP), as the platform suspends idle instances. Meanwhile all data on
 * their connections is dropped, without an end or reset. A request resumes each instance (SIGCONT), one function per
 * instance, so that each finds its own connections dead. The peer is the warm response of the same instance. A wrong
 * response, or one after the deadline, fails the bench.
 */
export async function benchFreeze(): Promise<Result[]> {
  const emulator = await startEmulatorProcess(4);
  const https = await startHubProxy(emulator.hubPort, ROUND_TRIP_MS);
  const amqp = await startHubProxy(emulator.amqpPort, ROUND_TRIP_MS);
  const far = emulator.settingsAt({ hubPort: https.port, amqpPort: amqp.port });
  const neverFrozen = await startHost(emulator.settings);
  try {
    const asks = await functions(emulator, neverFrozen);
    const results: Result[] = [];
    for (const seconds of FROZEN_SECONDS) {
      results.push(...(await freeze(seconds, asks, () => startHost(far), [https, amqp])));
    }
    return results;
  } finally {
    await neverFrozen.close();
    https.close();
    amqp.close();
    await emulator.close();
  }
}

async function freeze(
  seconds: number,
  asks: Readonly<Record<string, Ask>>,
  start: () => Promise<FunctionsHost>,
  proxies: readonly HubProxy[],
): Promise<Result[]> {
  const instances: Instance[] = [];
  const woken: Record<string, number[]> = {};
  const warm: Record<string, number[]> = {};
  try {
    for (const [name, ask] of Object.entries(asks)) {
      for (let i = 0; i < INSTANCES; i += 1) {
        const instance: Instance = { name, ask, host: await start() };
        instances.push(instance);
        await ask(instance.host);
        for (let n = 0; n < WARM_REQUESTS; n += 1) (warm[name] ??= []).push(await ask(instance.host));
      }
    }
    for (const { host } of instances) signal(host, 'SIGSTOP');
    for (const { goSilent } of proxies) goSilent();
    await delay(seconds * 1_000);
    for (const { name, ask, host } of instances) {
      const asked = ask(host);
      signal(host, 'SIGCONT');
      const ms = await asked;
      if (ms > DEADLINE_MS) throw new Error(`${name} took ${ms} ms after ${seconds} s`);
      (woken[name] ??= []).push(ms);
    }
    return Object.keys(asks).map((name) =>
      result(`${name} after ${seconds} s frozen`, woken[name] ?? [], 'warm', warm[name]),
    );
  } finally {
    for (const { host } of instances) {
      signal(host, 'SIGCONT');
      await host.close();
    }
  }
}

function startHost(settings: Readonly<Record<string, string>>): Promise<FunctionsHost> {
  return startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    functionKeys: { host: { bench: KEY } },
    log: (line) => !line.includes('] information: ') && console.error(line),
    settings: () => settings,
  });
}

function signal(host: FunctionsHost, name: NodeJS.Signals): void {
  const pid = host.workerPid();
  if (pid !== undefined) process.kill(pid, name);
}

/** @param control an instance that is not suspended, for preparations */
async function functions(emulator: Emulator, control: FunctionsHost): Promise<Record<string, Ask>> {
  const device = { deviceId: 'bench', deviceKey: DEVICE_KEY };
  await call(control, 'devices', 201, device);
  let devices = 0;
  return {
    register: (host) => timed(() => call(host, 'devices', 201, { deviceId: `bench-${(devices += 1)}` })),
    send: (host) => timed(() => call(host, 'messages', 201, { ...device, deviceMessage: 1 })),
    feed: (host) => timed(() => call(host, 'message_feed?limit=1', 200)),
    'feed with wait': async (host) => {
      const after = await newestCursor(control);
      const answered = call(host, `message_feed?wait=10&after_offset=${after}`, 200);
      await delay(MESSAGE_AFTER_MS);
      const arrived = performance.now();
      await emulator.seed(1);
      const { messages } = readResponse([await answered]);
      if (messages.length !== 1) throw new Error(`a waiting poll came back with ${messages.length} messages`);
      return performance.now() - arrived;
    },
    'ping devices': (host) => timed(() => call(host, 'devices?action=ping', 200)),
    'ping messages': (host) => timed(() => call(host, 'messages?action=ping', 200)),
    'ping message_feed': (host) => timed(() => call(host, 'message_feed?action=ping', 200)),
  };
}

async function newestCursor(host: FunctionsHost): Promise<string> {
  for (let after = '0'; ;) {
    const answer = readResponse([await call(host, `message_feed?limit=10000&after_offset=${after}`, 200)]);
    after = answer.next_offset;
    if (!answer.has_more) return after;
  }
}

async function call(host: FunctionsHost, path: string, status: number, body?: object): Promise<Buffer> {
  const response = await fetch(`${host.url}/api/${path}`, {
    headers: { 'x-functions-key': KEY, 'content-type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  const answer = Buffer.from(await response.arrayBuffer());
  if (response.status !== status) {
    throw new Error(`${path} answered ${response.status}: ${answer.toString()}`);
  }
  return answer;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
