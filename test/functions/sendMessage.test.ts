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

test('no key or token is in any log', () => {
  const log = stack.logged.join('\n');
  for (const secret of [DEVICE_KEY, KEY, 'SharedAccessKey=', 'sig=']) expect(log).not.toContain(secret);
});
