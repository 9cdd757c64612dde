import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { feedPages, readSequenceNumbers } from '../feedPages';
import { KEY, SHOP, type Stack, call, startStack } from '../stack';

const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

describe('registering a device', () => {
  test('returns 201 with the identity, its keys and the hub', async () => {
    const { status, json, headers } = await stack.register('phone-1');
    expect(status).toBe(201);
    expect(json.deviceInfo).toMatchObject({ deviceId: 'phone-1', status: 'enabled' });
    expect(Buffer.from(json.deviceInfo.authentication.symmetricKey.primaryKey, 'base64')).toHaveLength(32);
    expect(json.hostName).toBe(stack.emulator.hostName);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('location')).not.toContain(json.deviceInfo.authentication.symmetricKey.primaryKey);
  });

  test('again with the proposed key returns 200 with the same identity', async () => {
    const first = await stack.register('phone-2', DEVICE_KEY);
    const again = await stack.register('phone-2', DEVICE_KEY);
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.json).toEqual(first.json);
  });

  test('again with the secondary key also returns 200', async () => {
    const { json } = await stack.register('phone-3');
    const again = await stack.register('phone-3', json.deviceInfo.authentication.symmetricKey.secondaryKey);
    expect(again.status).toBe(200);
  });

  test('that exists, without proof of ownership, returns 409 without a key', async () => {
    const { json } = await stack.register('phone-4');
    for (const proof of [undefined, DEVICE_KEY]) {
      const refused = await stack.register('phone-4', proof);
      expect(refused.status).toBe(409);
      expect(refused.json).toMatchObject({ code: 'device_exists', status: 409 });
      expect(refused.headers.get('content-type')).toBe('application/problem+json');
      expect(refused.text).not.toContain(json.deviceInfo.authentication.symmetricKey.primaryKey);
    }
  });

  test('fifty times at once with one key creates one device', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => stack.register('phone-5', DEVICE_KEY)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(49).fill(200), 201]);
    expect(new Set(answers.map(({ json }) => json.deviceInfo.generationId as string)).size).toBe(1);
  });

  test.each(['a/b', 'a b', '', 'x'.repeat(129), 'ü'])('with the id %j answers 400', async (deviceId) => {
    const { status, json } = await stack.register(deviceId);
    expect([status, json.code]).toEqual([400, 'invalid_device_id']);
  });

  test.each([
    'short',
    Buffer.alloc(15).toString('base64'),
    Buffer.alloc(65).toString('base64'),
    `${DEVICE_KEY}=`,
  ])('with the key %j answers 400', async (deviceKey) => {
    const { status, json } = await stack.register('phone-6', deviceKey);
    expect([status, json.code]).toEqual([400, 'invalid_device_key']);
  });
});

describe('the feed', () => {
  test.each([
    ['after_offset', 'nonsense', 'invalid_cursor'],
    ['after_offset', '-2', 'invalid_cursor'],
    ['after_offset', '@earliest', 'invalid_cursor'],
    ['limit', '0', 'invalid_query'],
    ['limit', '1e9', 'invalid_query'],
    ['limit', 'abc', 'invalid_query'],
    ['wait', '-1', 'invalid_query'],
    ['wait', '61', 'invalid_query'],
    ['partitions', '0,x', 'invalid_query'],
    ['partitions', '99', 'unknown_partition'],
  ])('with %s=%s returns 400 with the reason', async (name, value, code) => {
    const { status, json } = await stack.feed({ [name]: value });
    expect([status, json.code]).toEqual([400, code]);
  });

  test('returns every message of all partitions once, in order, with any limit', async () => {
    const { next_offset: start } = (await stack.feed({ limit: 10_000 })).json as { next_offset: string };
    stack.emulator.admin.seed({ count: 1_000, deviceId: 'seeded' });
    const seen = await readSequenceNumbers(feedPages(stack, { after_offset: start, limit: 170 }));
    expect([...seen.values()].flat()).toHaveLength(1_000);
    for (const numbers of seen.values()) {
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => (numbers[0] ?? 0) + i));
    }
  });

  test('reports messages that retention removed before they were read', async () => {
    const { next_offset: after } = (await stack.feed({ limit: 10_000 })).json as { next_offset: string };
    const { partitions } = stack.emulator.admin.seed({ count: 10, deviceId: 'seeded', partitionId: '0' });
    const last = partitions[0]?.lastSequenceNumber ?? 0;
    stack.emulator.admin.expire({ partitionId: '0', keep: 4 });
    const { json } = await stack.feed({ after_offset: after });
    expect(json.gaps).toEqual([{ partitionId: '0', from: last - 9, to: last - 4 }]);
    expect(json.messages).toHaveLength(4);
  });

  test('waits for the first message if requested', async () => {
    const { next_offset: after } = (await stack.feed({ limit: 10_000 })).json as { next_offset: string };
    const waiting = stack.feed({ after_offset: after, wait: 20 });
    await stack.register('web-4', DEVICE_KEY);
    await stack.send({ deviceId: 'web-4', deviceKey: DEVICE_KEY, deviceMessage: 'at last' });
    const { json } = await waiting;
    expect((json.messages as { body: unknown }[]).map(({ body }) => body)).toEqual([
      { deviceId: 'web-4', Data: 'at last' },
    ]);
  });

  test('continues after the hub has closed or reset its connections', async () => {
    for (const kind of ['closeConnections', 'resetConnections', 'detachLinks']) {
      stack.emulator.admin.armFault({ target: 'eventHub', kind });
      expect((await stack.feed({ limit: 1 })).status).toBe(200);
    }
  });

  test('restarts from the beginning with reset, if the hub was recreated', async () => {
    const { next_offset: after } = (await stack.feed({ limit: 10_000 })).json as { next_offset: string };
    stack.emulator.admin.recreateHub({ keepDevices: true });
    stack.emulator.admin.seed({ count: 3, deviceId: 'seeded' });
    const { json } = await stack.feed({ after_offset: after });
    expect(json.reset).toBe(true);
    expect(json.messages).toHaveLength(3);
  });

  test('accepts a plain offset, and repeats messages rather than losing any', async () => {
    stack.emulator.admin.recreateHub({ keepDevices: true });
    const { partitions } = stack.emulator.admin.seed({ count: 3, deviceId: 'seeded', partitionId: '2' });
    const offset = partitions[2]?.lastOffset ?? '';
    expect((await stack.feed({ after_offset: offset })).json.messages).toHaveLength(0);
    stack.emulator.admin.seed({ count: 1, deviceId: 'seeded', partitionId: '1' });
    expect((await stack.feed({ after_offset: offset })).json.messages).toHaveLength(1);
  });
});

describe('web pages', () => {
  const preflight = (path: string, origin: string) =>
    call(`${stack.host.url}/api/${path}`, {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    });

  test.each(['messages', 'devices'])('of an allowed origin get their preflight for %s', async (path) => {
    const { status, headers } = await preflight(path, SHOP);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(headers.get('access-control-max-age')).toBe('86400');
    expect(headers.get('vary')).toBe('Origin');
  });

  test('of another origin get no CORS headers', async () => {
    const { headers } = await preflight('messages', 'https://evil.example');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('vary')).toBe('Origin');
  });
});

describe('keys, routes and pings', () => {
  test('a missing or wrong function key gets 401 with an empty body', async () => {
    for (const headers of [{}, { 'x-functions-key': 'wrong' }]) {
      const { status, text } = await call(`${stack.host.url}/api/message_feed`, { headers });
      expect([status, text]).toEqual([401, '']);
    }
  });

  test.each([
    ['GET', 'nothing'],
    ['DELETE', 'messages'],
    ['POST', 'message_feed'],
    ['HEAD', 'message_feed'],
    ['GET', 'messages'],
    ['GET', 'devices'],
  ])('%s /api/%s is 404', async (method, path) => {
    const { status } = await call(`${stack.host.url}/api/${path}`, {
      method,
      headers: { 'x-functions-key': KEY },
    });
    expect(status).toBe(404);
  });

  test.each(['devices', 'messages', 'message_feed'])(
    'a ping of %s returns ok and stores nothing',
    async (path) => {
      const stored = stack.emulator.admin.state().messages;
      const { status, json } = await call(`${stack.host.url}/api/${path}?action=ping`, {
        headers: { 'x-functions-key': KEY },
      });
      expect([status, json]).toEqual([200, { status: 'ok' }]);
      expect(stack.emulator.admin.state().messages).toBe(stored);
    },
  );
});

test('no key or token is in any log', () => {
  const log = stack.logged.join('\n');
  for (const secret of [DEVICE_KEY, KEY, 'SharedAccessKey=', 'sig=']) expect(log).not.toContain(secret);
});
