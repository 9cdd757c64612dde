import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, SHOP, type Stack, call, post, startStack } from '../stack';

const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');
const EVENT = {
  event: 'browse_product',
  event_value: 'https://shop.example/ja/shop/products/162-spangle-bag?color=379',
  product_id: 162,
  referer_product_id: null,
};

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

describe('a message', () => {
  test('is returned once by the feed, as the hub stored it', async () => {
    await stack.register('web-1', DEVICE_KEY);
    const before = (await stack.feed()).json.next_offset as string;
    const sent = await stack.send({
      deviceId: 'web-1',
      deviceKey: DEVICE_KEY,
      deviceMessage: EVENT,
      messageId: 'm-1',
      properties: { Level: 'high' },
    });
    expect(sent.status).toBe(201);
    expect(sent.json).toEqual({
      Data: '1 message(s) from web-1 sent successfully',
      results: [{ messageId: 'm-1', status: 'accepted' }],
    });

    const { json } = await stack.feed({ after_offset: before });
    expect(json).toMatchObject({ has_more: false, gaps: [], incomplete: [] });
    expect(json.messages).toHaveLength(1);
    expect(json.messages[0]).toMatchObject({
      partitionId: expect.stringMatching(/^[0-3]$/) as string,
      offset: expect.stringMatching(/^\d+$/) as string,
      sequenceNumber: expect.any(Number) as number,
      enqueuedTimeUtc: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      deviceId: 'web-1',
      messageId: 'm-1',
      contentType: 'application/json',
      properties: { Level: 'high' },
      body: { deviceId: 'web-1', Data: EVENT },
    });
    const rest = await stack.feed({ after_offset: json.next_offset as string });
    expect(rest.json).toEqual({
      messages: [],
      next_offset: json.next_offset,
      has_more: false,
      gaps: [],
      incomplete: [],
    });
  });

  test.each([
    ['a wrong key', { deviceKey: Buffer.alloc(32, 9).toString('base64') }],
    ['an unknown device', { deviceId: 'nobody' }],
  ])('with %s answers 401 and stores nothing', async (_, wrong) => {
    await stack.register('web-2', DEVICE_KEY);
    const stored = stack.emulator.admin.state().messages;
    const { status, json } = await stack.send({
      deviceId: 'web-2',
      deviceKey: DEVICE_KEY,
      deviceMessage: 1,
      ...wrong,
    });
    expect([status, json.code]).toEqual([401, 'device_unauthorized']);
    expect(stack.emulator.admin.state().messages).toBe(stored);
  });

  const unpadded = DEVICE_KEY.replace(/=+$/, '');
  test.each([
    `${DEVICE_KEY};HostName=evil.example`,
    `${DEVICE_KEY}\n !`,
    ` ${DEVICE_KEY}`,
    `${DEVICE_KEY}=`,
    unpadded,
    `${unpadded.slice(0, -1)}${unpadded.endsWith('E') ? 'F' : 'E'}=`,
    DEVICE_KEY.replaceAll('A', '-'),
    `\uFEFF${DEVICE_KEY}`,
    `${DEVICE_KEY}\u0000`,
    'wrong',
    '',
    Buffer.alloc(15).toString('base64'),
    Buffer.alloc(65).toString('base64'),
  ])(
    'with the device key %j, which is not strict base64, answers 400 on both endpoints',
    async (deviceKey) => {
      await stack.register('web-2', DEVICE_KEY);
      const stored = stack.emulator.admin.state().messages;
      for (const answer of [
        await stack.send({ deviceId: 'web-2', deviceKey, deviceMessage: 1 }),
        await stack.send({ deviceId: 'web-2', deviceKey, messages: [{ deviceMessage: 1 }] }),
        await stack.register('web-2', deviceKey),
        await stack.register('web-2-new', deviceKey),
      ]) {
        expect([answer.status, answer.json.code]).toEqual([400, 'invalid_device_key']);
      }
      expect(stack.emulator.admin.state().messages).toBe(stored);
    },
  );

  const valid = { deviceId: 'web-2', deviceKey: DEVICE_KEY, deviceMessage: { n: 1 } };
  test.each<[string, unknown, number, string]>([
    ['no body', '', 400, 'invalid_json'],
    ['no JSON', '{"deviceKey":"secret', 400, 'invalid_json'],
    ['an array', [], 400, 'invalid_request'],
    ['null', null, 400, 'invalid_request'],
    ['no message', { ...valid, deviceMessage: undefined }, 400, 'invalid_request'],
    ['a number for an id', { ...valid, deviceId: 7 }, 400, 'invalid_request'],
    ['an id that redirects', { ...valid, deviceId: 'x;HostName=evil' }, 400, 'invalid_device_id'],
    ['properties that are no texts', { ...valid, properties: { a: 1 } }, 400, 'invalid_request'],
    ['a property with an emoji', { ...valid, properties: { a: '😀' } }, 400, 'invalid_property'],
    [
      'a property with a line break',
      { ...valid, properties: { a: 'x\r\nInjected: 1' } },
      400,
      'invalid_property',
    ],
    [
      'two properties that differ in case',
      { ...valid, properties: { a: '1', A: '2' } },
      400,
      'invalid_property',
    ],
    ['a message id with a line break', { ...valid, messageId: 'a\nb' }, 400, 'invalid_message_id'],
    ['300 KB', { ...valid, deviceMessage: 'x'.repeat(300 * 1024) }, 413, 'message_too_large'],
    ['5 MB', { ...valid, deviceMessage: 'x'.repeat(5 * 1024 * 1024) }, 413, 'body_too_large'],
    [
      'nesting without end',
      `{"deviceId":"web-2","deviceKey":"k","deviceMessage":${'['.repeat(2e5)}${']'.repeat(2e5)}}`,
      400,
      'invalid_request',
    ],
  ])('with %s answers a clear problem and stores nothing', async (_, body, status, code) => {
    const stored = stack.emulator.admin.state().messages;
    const answer = await post(`${stack.host.url}/api/messages`, body, { Origin: SHOP });
    expect(answer.json).toMatchObject({ status, code, type: `urn:problem-type:hubfront:${code}` });
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('secret');
    expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(stack.emulator.admin.state().messages).toBe(stored);
  });

  test('as text/plain, as from a beacon, is accepted', async () => {
    await stack.register('web-2', DEVICE_KEY);
    expect((await stack.send(valid, { 'content-type': 'text/plain;charset=UTF-8' })).status).toBe(201);
    const form = await stack.send(valid, { 'content-type': 'application/x-www-form-urlencoded' });
    expect([form.status, form.json.code]).toEqual([415, 'unsupported_media_type']);
  });

  test('sent chunked returns 411', async () => {
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.from(JSON.stringify(valid)));
        controller.close();
      },
    });
    const init = { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/json' } };
    const { status, json } = await call(`${stack.host.url}/api/messages`, init as RequestInit);
    expect([status, json.code]).toEqual([411, 'length_required']);
  });

  test.each([
    [{ target: 'telemetry', kind: 'throttle', retryAfterSeconds: 7 }, 429, 'hub_throttled'],
    [{ target: 'telemetry', kind: 'quota' }, 429, 'hub_quota_exceeded'],
    [{ target: 'telemetry', kind: 'serverError' }, 503, 'hub_unavailable'],
    [{ target: 'telemetry', kind: 'unavailable' }, 503, 'hub_unavailable'],
  ])('returns %i while the hub returns %j', async (fault, status, code) => {
    await stack.register('web-2', DEVICE_KEY);
    stack.emulator.admin.armFault(fault);
    const answer = await stack.send(valid);
    stack.emulator.admin.clearFaults();
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('whose connection the hub resets is retried once with the same id', async () => {
    await stack.register('web-3', DEVICE_KEY);
    stack.emulator.admin.armFault({ target: 'telemetry', kind: 'resetAfter', times: 1 });
    const sent = await stack.send({ ...valid, deviceId: 'web-3', messageId: 'twice' });
    stack.emulator.admin.clearFaults();
    expect(sent.status).toBe(201);
    const { json } = await stack.feed({ limit: 10_000 });
    const ids = (json.messages as { messageId: string }[]).filter(({ messageId }) => messageId === 'twice');
    expect(ids).toHaveLength(2);
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
    const seen = new Map<string, number[]>();
    let after = start;
    for (let more = true; more;) {
      const { json } = await stack.feed({ after_offset: after, limit: 170 });
      for (const { partitionId, sequenceNumber } of json.messages as {
        partitionId: string;
        sequenceNumber: number;
      }[]) {
        seen.set(partitionId, [...(seen.get(partitionId) ?? []), sequenceNumber]);
      }
      after = json.next_offset as string;
      more = json.has_more as boolean;
    }
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
