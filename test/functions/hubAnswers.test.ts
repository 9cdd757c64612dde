import { mkdtemp, rm } from 'node:fs/promises';
import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as IotHub from 'azure-iothub';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { startEmulator } from '../../emulator/index';
import { SHOP, type Stack, startStack } from '../stack';

const { Registry } = createRequire(import.meta.url)('azure-iothub') as typeof IotHub;

const KEY = Buffer.alloc(32, 4).toString('base64');
const device = { deviceId: 'd-1', deviceKey: KEY };

let stack: Stack;
/** Of the tests in which the hub never answers: each waits for the deadline. */
let impatient: Stack;
beforeAll(async () => {
  [stack, impatient] = await Promise.all([
    startStack({ settings: { HUB_DEADLINE_SECONDS: '60' } }),
    startStack({ settings: { HUB_DEADLINE_SECONDS: '2' } }),
  ]);
  for (const { register } of [stack, impatient]) await register(device.deviceId, KEY);
});
afterAll(async () => {
  await Promise.all([stack.close(), impatient.close()]);
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const { emulator } of [stack, impatient]) emulator.admin.clearFaults();
  stack.emulator.admin.setThrottle({ tier: 'none' });
});

/** The throttle's buckets do not fill up while the clock stands: the machine's speed is of no account. */
const stopClock = () => vi.spyOn(Date, 'now').mockReturnValue(Date.now());

const arm = (fault: { kind: string } & Record<string, unknown>) => stack.emulator.admin.armFault(fault);
const send = (messageId = 'm') => stack.send({ ...device, deviceMessage: 1, messageId }, { Origin: SHOP });
/** As an operator does, through the registry's own API. */
async function setStatus(deviceId: string, status: 'enabled' | 'disabled'): Promise<void> {
  const registry = Registry.fromConnectionString(stack.emulator.connectionStrings.hub('iothubowner'));
  const { hubPort, ca } = stack.emulator;
  const agent = new Agent({ host: '127.0.0.1', port: hubPort, ca });
  (
    registry as unknown as { _restApiClient: { setOptions: (options: object) => void } }
  )._restApiClient.setOptions({ http: { agent } });
  await registry.update({
    deviceId,
    status,
    authentication: { symmetricKey: { primaryKey: KEY, secondaryKey: KEY } },
  });
  agent.destroy();
}

/** How often each message id is stored. */
const copies = (messageId: string, { admin } = stack.emulator) =>
  admin
    .state()
    .partitions.flatMap(({ partitionId }) => admin.messages({ partition: partitionId, limit: 10_000 }))
    .filter((message) => message.messageId === messageId).length;

describe('errors of the hub for a message are returned', () => {
  test.each([
    [{ kind: 'unauthorized' }, 401, 'device_unauthorized', null],
    [{ kind: 'clockSkew', seconds: 7_200 }, 401, 'device_unauthorized', null],
    [{ kind: 'throttle' }, 429, 'hub_throttled', '10'],
    [{ kind: 'throttle', retryAfterSeconds: 3 }, 429, 'hub_throttled', '3'],
    [{ kind: 'quota' }, 429, 'hub_quota_exceeded', '3600'],
    [{ kind: 'serverError' }, 503, 'hub_unavailable', '5'],
    [{ kind: 'unavailable' }, 503, 'hub_unavailable', '5'],
    [{ kind: 'resetBefore' }, 503, 'hub_unavailable', '5'],
    [{ kind: 'resetAfter' }, 503, 'hub_unavailable', '5'],
    [{ kind: 'hang' }, 504, 'hub_timeout', '5'],
    [{ kind: 'slow', delayMs: 60_000 }, 504, 'hub_timeout', '5'],
  ])('%j as %i %s, Retry-After %s, readable by a page', async (fault, status, code, retryAfter) => {
    const { emulator, send } = code === 'hub_timeout' ? impatient : stack;
    emulator.admin.armFault({ target: 'telemetry', ...fault });
    const { headers, json, ...answer } = await send({ ...device, deviceMessage: 1 }, { Origin: SHOP });
    expect([answer.status, json.code, headers.get('retry-after')]).toEqual([status, code, retryAfter]);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(headers.get('access-control-expose-headers')).toContain('Retry-After');
  });

  test.each(['serverError', 'unavailable', 'resetBefore', 'resetAfter'])(
    '%s once is retried with the same message id',
    async (kind) => {
      arm({ target: 'telemetry', kind, times: 1 });
      const before = copies(kind);
      expect((await send(kind)).status).toBe(201);
      expect(copies(kind) - before).toBe(kind === 'resetAfter' ? 2 : 1);
    },
  );

  test('throttling does not cause more requests', async () => {
    arm({ target: 'telemetry', kind: 'throttle' });
    const before = stack.emulator.admin.state().requests.telemetry;
    await send();
    expect(stack.emulator.admin.state().requests.telemetry - before).toBe(1);
  });

  test('a slow hub is not treated as failed', { tags: 'full' }, async () => {
    arm({ target: 'telemetry', kind: 'slow', delayMs: 1_000, times: 1 });
    expect((await send('slow')).status).toBe(201);
    expect(copies('slow')).toBe(1);
  });

  test('a hub that restarts is reached again by later requests', async () => {
    arm({ kind: 'restart', downMs: 0 });
    expect((await send('restarted')).status).toBe(201);
    arm({ kind: 'restart', downMs: 1_000 });
    expect((await send('down')).json.code).toBe('hub_unavailable');
    await expect.poll(async () => (await send('up-again')).status).toBe(201);
  });

  test('the throttle of an S1 hub passes as 429, and its quota', async () => {
    stopClock();
    stack.emulator.admin.setThrottle({ tier: 'S1' });
    const answers = await Promise.all(Array.from({ length: 150 }, () => send('throttled')));
    const codes = answers.map(({ status, json }) => (status === 201 ? 'stored' : `${status} ${json.code}`));
    expect(codes.sort()).toEqual([...Array(50).fill('429 hub_throttled'), ...Array(100).fill('stored')]);
    expect(copies('throttled')).toBe(100);
  });

  test('the daily quota of a free hub counts blocks of half a kilobyte', { tags: 'full' }, async () => {
    stack.emulator.admin.setThrottle({ tier: 'F1' });
    const messages = Array.from({ length: 15 }, () => ({ deviceMessage: 'x'.repeat(200_000) }));
    const first = await stack.send({ ...device, messages });
    expect(first.status).toBe(201); // 15 times 391 blocks, of 8,000 a day
    const second = await stack.send({ ...device, messages });
    expect([second.status, second.headers.get('retry-after')]).toEqual([207, '3600']);
    expect(second.json.results.at(-1)).toMatchObject({ status: 'retry', code: 'hub_quota_exceeded' });
  });
});

describe('a device that is rejected', () => {
  test('gets the same response whether it is unknown, disabled or has the wrong key', async () => {
    await stack.register('d-disabled', KEY);
    await setStatus('d-disabled', 'disabled');
    const message = { deviceMessage: 1 };
    const answers = await Promise.all([
      stack.send({ ...message, deviceId: 'd-disabled', deviceKey: KEY }),
      stack.send({ ...message, deviceId: 'd-unknown', deviceKey: KEY }),
      stack.send({ ...message, deviceId: 'd-1', deviceKey: Buffer.alloc(32, 5).toString('base64') }),
    ]);
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0].json.code).toBe('device_unauthorized');
  });
});

describe('a hub with a wrong certificate, or an unreachable hub', () => {
  test('gets no message if its certificate is not trusted', async () => {
    const caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
    const other = await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 1, caFolder });
    const misled = await startStack({ settings: { IOTHUB_ENDPOINT: other.endpoint } });
    try {
      for (const answer of [
        await misled.send({ ...device, deviceMessage: 1 }),
        await misled.register('d-2', KEY),
        await misled.register('d-2'),
      ]) {
        expect([answer.status, answer.json.code]).toEqual([503, 'hub_unavailable']);
        expect(answer.headers.get('retry-after')).toBe('5');
      }
      expect(other.admin.state().requests).toMatchObject({ registry: 0, telemetry: 0 });
    } finally {
      await misled.close();
      await other.close();
      await rm(caFolder, { recursive: true, force: true });
    }
  });

  test('is reported as unavailable if nothing listens', async () => {
    const alone = await startStack({ settings: { IOTHUB_ENDPOINT: 'https://127.0.0.1:1' } });
    try {
      for (const answer of [await alone.send({ ...device, deviceMessage: 1 }), await alone.register('d-2')]) {
        expect([answer.status, answer.json.code]).toEqual([503, 'hub_unavailable']);
      }
    } finally {
      await alone.close();
    }
  });
});

describe('errors of the registry for a registration are returned', () => {
  test.each([
    [{ kind: 'throttle' }, 429, 'hub_throttled', '10'],
    [{ kind: 'throttle', retryAfterSeconds: 4 }, 429, 'hub_throttled', '4'],
    [{ kind: 'serverError' }, 503, 'hub_unavailable', '5'],
    [{ kind: 'unavailable' }, 503, 'hub_unavailable', '5'],
    [{ kind: 'resetBefore' }, 503, 'hub_unavailable', '5'],
    [{ kind: 'hang' }, 504, 'hub_timeout', '5'],
    [{ kind: 'unauthorized' }, 503, 'hub_access_denied', null],
  ])('%j as %i %s', async (fault, status, code, retryAfter) => {
    const { emulator, register } = code === 'hub_timeout' ? impatient : stack;
    emulator.admin.armFault({ target: 'registry', ...fault });
    for (const key of [undefined, KEY]) {
      const { headers, json, ...answer } = await register('d-never', key);
      expect([answer.status, json.code, headers.get('retry-after')]).toEqual([status, code, retryAfter]);
    }
  });

  test.each(['serverError', 'unavailable', 'resetBefore', 'resetAfter'])(
    '%s once is retried if the client proposed a key',
    async (kind) => {
      arm({ target: 'registry', kind, times: 1 });
      const { status, json } = await stack.register(`r-${kind}`, KEY);
      // The lost answer to the first try was about a device that it had made.
      expect(status).toBe(kind === 'resetAfter' ? 200 : 201);
      expect(json.deviceInfo.authentication.symmetricKey.primaryKey).toBe(KEY);
    },
  );

  test('a lost response without a proposed key is not retried, because the device may exist', async () => {
    arm({ target: 'registry', kind: 'resetAfter', times: 1 });
    const { status, json } = await stack.register('r-lost');
    expect([status, json.code]).toEqual([503, 'hub_unavailable']);
    expect((await stack.register('r-lost')).status).toBe(409);
  });

  test('the throttle of an S1 hub passes as 429', async () => {
    stopClock();
    stack.emulator.admin.setThrottle({ tier: 'S1' });
    const answers = [];
    for (let n = 0; n < 130; n += 10) {
      const ids = Array.from({ length: 10 }, (_, i) => `s1-${n + i}`);
      answers.push(...(await Promise.all(ids.map((id) => stack.register(id, KEY)))));
    }
    const statuses = answers.map(({ status }) => status);
    expect(statuses.sort()).toEqual([...Array(100).fill(201), ...Array(30).fill(429)]);
  });
});
