import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HubProxy, startHubProxy } from '../../bench/hubProxy';
import { type Emulator, POLICIES, startEmulator } from '../../emulator/index';
import { type FunctionsHost, startFunctionsHost } from '../../local/functionsHost';
import { KEY, call, post } from '../stack';
import { stopProcess } from '../stopProcess';

/** Longer than what counts as a freeze. `npm run bench -- freeze` does it for 1 and 10 minutes. */
const FREEZE_MS = 4_000;
/** Longer than a connection is trusted without a word from the hub. */
const QUIET_MS = 6_000;
const device = { deviceId: 'before', deviceKey: Buffer.alloc(32, 1).toString('base64') };

let caFolder: string;
let emulator: Emulator;
let proxies: HubProxy[];
let host: FunctionsHost;
const logged: string[] = [];

beforeEach(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 4, caFolder });
  const https = await startHubProxy(Number(new URL(emulator.endpoint).port));
  const amqp = await startHubProxy(emulator.amqpPort);
  proxies = [https, amqp];
  const eventHub = emulator.connectionStrings
    .eventHub('service')
    .replace(`:${emulator.amqpPort}`, `:${amqp.port}`);
  logged.length = 0;
  host = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    functionKeys: { master: KEY },
    log: (line) => logged.push(line),
    settings: () => ({
      IOTHUB_HOSTNAME: emulator.hostName,
      IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
      IOTHUB_EVENTHUB_CONNECTION: eventHub,
      IOTHUB_ENDPOINT: `https://127.0.0.1:${https.port}`,
      IOTHUB_CA_FILE: emulator.caFile,
    }),
  });
});
afterEach(async () => {
  await host.close();
  for (const { close } of proxies) close();
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

const withKey = { 'x-functions-key': KEY };
const register = (body: object) => post(`${host.url}/api/devices`, body, withKey);
const send = (deviceMessage: number) => post(`${host.url}/api/messages`, { ...device, deviceMessage });
const feed = (query: string) => call(`${host.url}/api/message_feed${query}`, { headers: withKey });
const ping = (path: string) => call(`${host.url}/api/${path}?action=ping`, { headers: withKey });
const goSilent = (): void => {
  for (const proxy of proxies) proxy.goSilent();
};

async function useAll(): Promise<string> {
  expect((await register(device)).status).toBe(201);
  expect((await send(1)).status).toBe(201);
  const { status, json } = await feed('');
  expect([status, json.messages.length]).toEqual([200, 1]);
  return json.next_offset as string;
}

test('an instance that was suspended while its connections died responds correctly to every request', async () => {
  const after = await useAll();
  await stopProcess(host.workerPid() ?? 0);
  goSilent();
  await delay(FREEZE_MS);
  // All before it wakes: each finds connections of its own dead.
  const answers = Promise.all([
    register({ deviceId: 'without-key' }),
    send(2),
    feed(`?after_offset=${after}&wait=20`),
    ping('devices'),
    ping('messages'),
    ping('message_feed'),
  ]);
  process.kill(host.workerPid() ?? 0, 'SIGCONT');
  const [registered, sent, polled, ...pings] = await answers;
  expect(registered.json).toMatchObject({ deviceInfo: { deviceId: 'without-key' } });
  expect(sent.status).toBe(201);
  expect(polled.json.messages.map(({ body }: any) => body.Data)).toEqual([2]);
  expect(pings.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(emulator.admin.state().requests.telemetry).toBe(2);
  expect(logged.filter((line) => /warn|error/i.test(line))).toEqual([]);
});

test('connections that died while the instance ran are detected, and each request is carried out once', async () => {
  const after = await useAll();
  goSilent();
  await delay(QUIET_MS);
  const [registered, sent, polled] = await Promise.all([
    register({ deviceId: 'without-key' }),
    send(2),
    feed(`?after_offset=${after}&wait=20`),
  ]);
  expect(registered.json).toMatchObject({ deviceInfo: { deviceId: 'without-key' } });
  expect(sent.status).toBe(201);
  expect(polled.json.messages.map(({ body }: any) => body.Data)).toEqual([2]);
  expect(emulator.admin.state().requests.telemetry).toBe(2);
});
