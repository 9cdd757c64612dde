import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POLICIES } from '../../emulator/index';
import { KEY as FUNCTION_KEY, type Stack, call, post, startStack } from '../stack';
import { sendToHub } from '../sendToHub';
import { IS_FULL, runs } from '../testSize';
import {
  BLOCKED_PREFIX,
  PREFIX,
  SECRET,
  type HostileRequest,
  type Sender,
  hostileVisitorRequests,
  visitorsOf,
} from './hostileVisitorRequests';

/** HOSTILE_SEED=<seed> repeats the requests of an earlier run. */
const REQUESTS = runs(50, 10_000);
const SEED = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 31);
const PARALLEL = 16;

let stack: Stack;
let victims: Sender[];
const ordinary: Sender = { deviceId: 'web-ordinary', deviceKey: randomBytes(32).toString('base64') };
beforeAll(async () => {
  stack = await startStack({
    settings: { VISITOR_DEVICES: '4', VISITOR_KEY: SECRET, VISITOR_BLOCKLIST: BLOCKED_PREFIX },
  });
  await stack.register(ordinary.deviceId, ordinary.deviceKey);
  victims = [];
  while (victims.length < 8) {
    const { status, json } = await post(
      `${stack.host.url}/api/devices`,
      {},
      { 'x-functions-key': FUNCTION_KEY },
    );
    if (status !== 201) continue; // its id is on the blocklist
    const { deviceId, authentication } = json.deviceInfo;
    victims.push({ deviceId, deviceKey: authentication.symmetricKey.primaryKey });
  }
  for (const victim of victims)
    expect((await stack.send({ ...victim, deviceMessage: 'before' })).status).toBe(201);
});
afterAll(() => stack.close());

async function ask({ path, body, headers: given, anonymous }: HostileRequest) {
  const send = () =>
    call(`${stack.host.url}/api/${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      headers: {
        'content-type': 'application/json',
        ...(Buffer.isBuffer(body) ? { 'content-encoding': 'gzip' } : {}),
        ...(path === 'devices' && !anonymous ? { 'x-functions-key': FUNCTION_KEY } : {}),
        ...given,
      },
    });
  try {
    return await send();
  } catch (error) {
    // The host may close a kept connection at the moment at which a request begins.
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    if (code !== 'ECONNRESET' && code !== 'UND_ERR_SOCKET') throw error;
    return send();
  }
}

function expectNoSecretIn(text: string): void {
  const { gatewayKeys } = visitorsOf(SECRET, stack.emulator.hostName);
  const gateways = [0, 1, 2, 3].map((n) => gatewayKeys(`${PREFIX}gateway-0${n}`).primary);
  const keys = victims.map(({ deviceKey }) => deviceKey);
  for (const secret of [
    SECRET,
    ...gateways,
    ...keys,
    ordinary.deviceKey,
    POLICIES.iothubowner.key,
    FUNCTION_KEY,
  ])
    expect(text).not.toContain(secret);
}

test(
  `${REQUESTS} hostile requests about visitors are refused (HOSTILE_SEED=${SEED})`,
  async () => {
    const { json } = await stack.feed({ after_offset: '@latest' });
    const worker = stack.host.workerPid();
    const before = stack.emulator.admin.state();
    const arbitrary = hostileVisitorRequests({ hostName: stack.emulator.hostName, victims, ordinary });
    const requests = fc.sample(arbitrary, { numRuns: REQUESTS, seed: SEED }).values();
    const statuses: Record<string, number> = {};
    const client = async (): Promise<void> => {
      for (const one of requests) {
        const { status, text } = await ask(one);
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status < 400 || status >= 500)
          throw new Error(`${status} ${text} for ${one.path} ${one.body.toString()}`);
        expectNoSecretIn(text);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, client));
    console.log(`hostile visitors: seed ${SEED}`, statuses);
    // Otherwise the requests were not what they were meant to be. A few may lack a status by chance.
    for (const status of IS_FULL ? [400, 401, 409, 413] : [400, 401])
      expect(statuses).toHaveProperty(String(status));

    const after = stack.emulator.admin.state();
    expect(after.requests.registry).toBe(before.requests.registry);
    expect(after.devices).toEqual(before.devices);
    for (const victim of victims) {
      const sent = await stack.send({ ...victim, deviceMessage: 'after' });
      expect(sent.status).toBe(201);
    }
    const feed = await stack.feed({ after_offset: json.next_offset, limit: 10_000 });
    expect(feed.json.messages.map((message: any) => [message.deviceId, message.body.Data]).sort()).toEqual(
      victims.map(({ deviceId }) => [deviceId, 'after']).sort(),
    );
    expectNoSecretIn(stack.logged.join('\n'));
    expect(stack.host.workerPid()).toBe(worker);
  },
  60_000 + REQUESTS * 100,
);

test('a device that sends directly to the hub cannot name a visitor', async () => {
  const { json } = await stack.feed({ after_offset: '@latest' });
  const [victim] = victims;
  const body = JSON.stringify({ deviceId: victim?.deviceId, Data: 'forged' });
  const property = { 'iothub-app-hubfront-visitor': victim?.deviceId ?? '' };
  expect(await sendToHub(stack.emulator, ordinary, body, property)).toBe(204);
  const feed = await stack.feed({ after_offset: json.next_offset });
  expect(feed.json.messages).toMatchObject([{ deviceId: ordinary.deviceId }]);
  expect(feed.json.messages[0]).not.toHaveProperty('gatewayDeviceId');
});
