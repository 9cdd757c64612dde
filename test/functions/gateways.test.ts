import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { LOCAL_FUNCTION_KEYS } from '../../local/functionKeys';
import { type FunctionsHost, startFunctionsHost } from '../../local/functionsHost';
import { createHubAgent } from '../../src/iothub/registry/hubAgent';
import { createRegistry } from '../../src/iothub/registry/registryClient';
import { readSettings } from '../../src/settings';
import { KEY, type Answer, type Stack, post, startStack } from '../stack';
import { runs } from '../testSize';

const OLD = Buffer.alloc(32, 'visitor-secret-1').toString('base64');
const NEW = Buffer.alloc(32, 'visitor-secret-2').toString('base64');
const GATEWAY = 'web-gateway-00';
const DEADLINE_S = 2;

interface Visitor {
  deviceId: string;
  deviceKey: string;
}

let stack: Stack;
let hosts: FunctionsHost[] = [];
let cursor: string;
beforeAll(async () => {
  stack = await startStack({
    settings: { VISITOR_DEVICES: '1', VISITOR_KEY: OLD, HUB_DEADLINE_SECONDS: String(DEADLINE_S) },
  });
});
afterAll(() => stack.close());
afterEach(async () => {
  await Promise.all(hosts.map((host) => host.close()));
  hosts = [];
  stack.emulator.admin.clearFaults();
});

/** One more instance of the app, at the same hub. */
async function instance(settings: Record<string, string>): Promise<FunctionsHost> {
  const host = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    pages: {},
    functionKeys: { ...LOCAL_FUNCTION_KEYS, master: KEY },
    log: () => undefined,
    settings: () => ({ ...stack.settings, ...settings }),
  });
  hosts.push(host);
  return host;
}

async function newVisitor(host: FunctionsHost = stack.host): Promise<Visitor> {
  const proposal = { deviceKey: randomBytes(32).toString('base64') };
  const { json } = await post(`${host.url}/api/devices`, proposal, { 'x-functions-key': KEY });
  const { deviceId, authentication } = json.deviceInfo;
  return { deviceId, deviceKey: authentication.symmetricKey.primaryKey };
}
const newVisitors = (count: number, host?: FunctionsHost): Promise<Visitor[]> =>
  Promise.all(Array.from({ length: count }, () => newVisitor(host)));
const send = (visitor: Visitor, message: object, host: FunctionsHost = stack.host): Promise<Answer> =>
  post(`${host.url}/api/messages`, { ...visitor, ...message });
const statusesOf = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status);

const markFeed = async (): Promise<void> => {
  cursor = (await stack.feed({ after_offset: '@latest' })).json.next_offset as string;
};
/** What the feed has had since the mark: visitor and data. */
const stored = async (): Promise<string[]> => {
  const { json } = await stack.feed({ after_offset: cursor, limit: 10_000 });
  return json.messages.map((message: any) => `${message.deviceId} ${message.body.Data}`).sort();
};

async function inRegistry<T>(work: (registry: ReturnType<typeof createRegistry>) => Promise<T>): Promise<T> {
  const settings = readSettings(stack.settings);
  const agent = createHubAgent(settings);
  try {
    return await work(createRegistry(settings, agent));
  } finally {
    agent.destroy();
  }
}

test('a gateway that is deleted, disabled or has other keys is repaired, and nothing is lost', async () => {
  const visitors = await newVisitors(20);
  const otherKeys = { primaryKey: NEW, secondaryKey: NEW };
  const damages: ((registry: ReturnType<typeof createRegistry>) => Promise<unknown>)[] = [
    (registry) => registry.delete(GATEWAY),
    (registry) => registry.update({ deviceId: GATEWAY, status: 'disabled' }),
    (registry) =>
      registry.update({ deviceId: GATEWAY, authentication: { type: 'sas', symmetricKey: otherKeys } }),
  ];
  await send(await newVisitor(), { deviceMessage: 'first' });
  await markFeed();
  for (const [n, damage] of damages.entries()) {
    const [, ...answers] = await Promise.all([
      inRegistry(damage),
      ...visitors.map((visitor) => send(visitor, { deviceMessage: `during ${n}` })),
    ]);
    answers.push(...(await Promise.all(visitors.map((visitor) => send(visitor, { deviceMessage: n })))));
    expect(new Set(statusesOf(answers))).toEqual(new Set([201]));
  }
  const expected = visitors.flatMap(({ deviceId }) =>
    damages.flatMap((_, n) => [`${deviceId} ${n}`, `${deviceId} during ${n}`]),
  );
  expect(await stored()).toEqual(expected.sort());
});

test('a gateway that stays refused does not use up the registry', async () => {
  const visitors = await newVisitors(10);
  stack.emulator.admin.armFault({ kind: 'unauthorized', target: 'telemetry', times: 1_000 });
  const before = stack.emulator.admin.state().requests.registry;
  const answers: Answer[] = [];
  for (const visitor of visitors) answers.push(await send(visitor, { deviceMessage: 1 }));
  expect(new Set(answers.map(({ json }) => json.code as string))).toEqual(new Set(['hub_unavailable']));
  expect(Number(answers.at(-1)?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(stack.emulator.admin.state().requests.registry - before).toBeLessThan(20);
});

test('one message that the hub rejects does not affect those that share its batch', async () => {
  const host = await instance({});
  const visitors = await newVisitors(20, host);
  await send(await newVisitor(host), { deviceMessage: 'first' }, host);
  await markFeed();
  stack.emulator.admin.armFault({ kind: 'refuse', target: 'telemetry', messageId: 'id-7' });
  const answers = await Promise.all(
    visitors.map((visitor, n) => send(visitor, { deviceMessage: n, messageId: `id-${n}` }, host)),
  );
  expect(statusesOf(answers)).toEqual(visitors.map((_, n) => (n === 7 ? 400 : 201)));
  expect(answers[7]?.json.code).toBe('invalid_request');
  const expected = visitors.flatMap(({ deviceId }, n) => (n === 7 ? [] : [`${deviceId} ${n}`]));
  expect(await stored()).toEqual(expected.sort());
});

test('messages with the same id are all stored, each with its visitor', async () => {
  const visitors = await newVisitors(3);
  const host = await instance({});
  await markFeed();
  const twice = { messages: [1, 2].map((n) => ({ deviceMessage: n, messageId: 'same' })) };
  const answers = await Promise.all(visitors.map((visitor) => send(visitor, twice, host)));
  for (const { status, json } of answers) {
    expect(status).toBe(201);
    expect(json.results).toEqual([1, 2].map(() => ({ messageId: 'same', status: 'accepted' })));
  }
  expect(await stored()).toEqual(
    visitors.flatMap(({ deviceId }) => [`${deviceId} 1`, `${deviceId} 2`]).sort(),
  );
});

test(
  'when the hub throttles everything, visitors are told to retry, and then served',
  { tags: 'full' },
  async () => {
    const host = await instance({});
    const visitors = await newVisitors(5, host);
    stack.emulator.admin.armFault({ kind: 'throttle', target: 'telemetry', times: 100_000 });
    const throttled = await Promise.all(visitors.map((visitor) => send(visitor, { deviceMessage: 1 }, host)));
    for (const { status, json, headers } of throttled) {
      expect([status, json.code]).toEqual([429, 'hub_throttled']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    stack.emulator.admin.clearFaults();
    const served = await Promise.all(visitors.map((visitor) => send(visitor, { deviceMessage: 2 }, host)));
    expect(statusesOf(served)).toEqual(visitors.map(() => 201));
  },
);

test('instances that start at once at an S1 hub share the gateways', { tags: 'full' }, async () => {
  stack.emulator.admin.recreateHub({ keepDevices: false });
  stack.emulator.admin.setThrottle({ tier: 'S1' });
  const settings = { VISITOR_DEVICES: '8', VISITOR_KEY: OLD, HUB_DEADLINE_SECONDS: '10' };
  const instances = await Promise.all(Array.from({ length: runs(2, 8) }, () => instance(settings)));
  const visitors = await newVisitors(24, instances[0]);
  await markFeed();
  const answers = await Promise.all(
    instances.flatMap((host, n) => visitors.map((visitor) => send(visitor, { deviceMessage: n }, host))),
  );
  expect(new Set(statusesOf(answers))).toEqual(new Set([201]));
  const expected = visitors.flatMap(({ deviceId }) => instances.map((_, n) => `${deviceId} ${n}`));
  expect(await stored()).toEqual(expected.sort());
  stack.emulator.admin.setThrottle({ tier: 'none' });
  const { responseBody } = await inRegistry((registry) => registry.list());
  expect(responseBody.map(({ deviceId }) => deviceId).sort()).toEqual(
    Array.from({ length: 8 }, (_, n) => `web-gateway-0${n}`),
  );
});

test(
  'during a rotation of the secret, old and new keys are valid at all instances',
  { tags: 'full' },
  async () => {
    const [before, accepts, issues, after] = await Promise.all(
      [OLD, `${OLD},${NEW}`, `${NEW},${OLD}`, NEW].map((secrets) => instance({ VISITOR_KEY: secrets })),
    );
    const oldVisitor = await newVisitor(before);
    const newOne = await newVisitor(issues);
    // Instances restart one after the other, so two steps of the rotation are at work at once.
    for (const host of [before, accepts, issues, before, accepts, issues])
      expect((await send(oldVisitor, { deviceMessage: 1 }, host)).status).toBe(201);
    for (const host of [accepts, issues, after, accepts, issues, after])
      expect((await send(newOne, { deviceMessage: 1 }, host)).status).toBe(201);
    expect((await send(oldVisitor, { deviceMessage: 1 }, after)).status).toBe(401);
    expect((await send(newOne, { deviceMessage: 1 }, before)).status).toBe(401);
  },
);
