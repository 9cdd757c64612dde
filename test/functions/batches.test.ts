import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack';

const KEY = Buffer.alloc(32, 2).toString('base64');
const device = { deviceId: 'page-1', deviceKey: KEY };

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ settings: { HUB_DEADLINE_SECONDS: '4' } });
  await stack.register(device.deviceId, KEY);
});
afterAll(() => stack.close());

interface Result {
  messageId: string | null;
  status: 'accepted' | 'rejected' | 'retry';
  code?: string;
}

const sendBatch = (messages: unknown[], sender: object = device) => stack.send({ ...sender, messages });
const numbered = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ deviceMessage: { n }, messageId: `m-${n}` }));
const statuses = (results: Result[]) =>
  results.map(({ status, code }) => (code ? `${status} ${code}` : status));

/** What has arrived since, in order. */
async function arrivals(work: () => Promise<void>): Promise<any[]> {
  const { json } = await stack.feed({ limit: 10_000 });
  await work();
  const after = await stack.feed({ limit: 10_000, after_offset: json.next_offset });
  return after.json.messages;
}

/** Requests that the hub got while `work` ran: each one is an operation of its throttle. */
async function hubRequests(work: () => Promise<void>): Promise<number> {
  const before = stack.emulator.admin.state().requests.telemetry;
  await work();
  return stack.emulator.admin.state().requests.telemetry - before;
}

describe('a message with many properties', () => {
  const MAX_BATCH_BYTES = 255 * 1024 - 1;
  /** of so many bytes, names and values together */
  const propertiesOf = (bytes: number) =>
    Object.fromEntries(
      Array.from({ length: Math.ceil(bytes / 1_000) }, (_, i) => {
        const name = `p${i}`;
        return [name, 'x'.repeat(Math.min(1_000, bytes - i * 1_000) - name.length)];
      }),
    );

  test.each([
    ['1 KB', 1_000, 1],
    ['8 KB', 8_000, 1],
    ['20 KB', 20_000, 1],
    ['60 KB', 60_000, 1],
    ['20 KB, and a body that fits beside them', 20_000, 160_000],
    ['20 KB, and a body that does not fit beside them', 20_000, 190_000],
    ['1 KB, and a body that fits alone', 1_000, 250_000],
    ['100 KB, the largest that there may be', 99_900, 1],
  ])('of %s has the same result alone and in batches', async (_, bytes, bodyBytes) => {
    const message = { deviceMessage: 'y'.repeat(bodyBytes), properties: propertiesOf(bytes) };
    const base64Bytes = Math.ceil(((bodyBytes + 40) * 4) / 3) + bytes;
    const fits = bytes < 8_000 || base64Bytes < MAX_BATCH_BYTES - 2_000;
    const stored = await arrivals(async () => {
      const alone = await stack.send({ ...device, ...message });
      expect([alone.status, alone.json.code]).toEqual(fits ? [201, undefined] : [413, 'message_too_large']);
      const asBatch = await sendBatch([message]);
      expect([asBatch.status, asBatch.json.code]).toEqual([alone.status, alone.json.code]);
      const { json } = await sendBatch([message, { deviceMessage: 1 }, message]);
      const expected = fits ? 'accepted' : 'rejected message_too_large';
      expect(statuses(json.results)).toEqual([expected, 'accepted', expected]);
    });
    const large = stored.filter(({ properties }) => 'p0' in properties);
    expect(large).toHaveLength(fits ? 4 : 0);
    for (const { properties } of large) expect(properties).toEqual(message.properties);
  });

  test('has at most 100 properties', async () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, '1']));
    expect((await stack.send({ ...device, deviceMessage: 1, properties: many(100) })).status).toBe(201);
    const { status, json } = await stack.send({ ...device, deviceMessage: 1, properties: many(101) });
    expect([status, json.code]).toEqual([400, 'invalid_property']);
  });
});

describe('a batch', () => {
  test('arrives like single sends of the same messages', async () => {
    const messages = [
      { deviceMessage: { text: 'ü 😀 "quoted" \\ </script>\u2028', n: 1.5 }, messageId: 'same-1' },
      {
        deviceMessage: 'only text',
        messageId: 'same-2',
        properties: { Level: 'high', 'x-1': "!#$%&'*+-.^_`|~" },
      },
      { deviceMessage: null, messageId: 'same-3', properties: {} },
      { deviceMessage: [1, [2, { a: [] }]], messageId: "same-4:.+%_#*?!(),=@;$'" },
    ];
    const singly = await arrivals(async () => {
      for (const message of messages) expect((await stack.send({ ...device, ...message })).status).toBe(201);
    });
    let operations = 0;
    const together = await arrivals(async () => {
      operations = await hubRequests(async () => {
        const { status, json } = await sendBatch(messages);
        expect(status).toBe(201);
        expect(json.Data).toBe('4 message(s) from page-1 sent successfully');
        expect(json.results).toEqual(messages.map(({ messageId }) => ({ messageId, status: 'accepted' })));
      });
    });
    expect(operations).toBe(1);
    const whenever = (message: any) => ({
      ...message,
      offset: 0,
      sequenceNumber: 0,
      enqueuedTimeUtc: '',
      systemProperties: { ...message.systemProperties, 'iothub-enqueuedtime': '' },
    });
    expect(together.map(whenever)).toEqual(singly.map(whenever));
    expect(singly).toHaveLength(4);
  });

  test('of 500 keeps its order and takes the fewest requests', async () => {
    const arrived = await arrivals(async () => {
      const operations = await hubRequests(async () => {
        expect((await sendBatch(numbered(500))).status).toBe(201);
      });
      expect(operations).toBe(1);
    });
    expect(arrived.map(({ body }) => body.Data.n)).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });

  test('beyond the limit of one request is sent in several, the largest messages singly', async () => {
    const sizes = [100, 100_000, 90_000, 250_000, 10, 80_000, 80_000, 261_900, 1];
    const messages = sizes.map((size) => ({ deviceMessage: 'x'.repeat(size) }));
    const arrived = await arrivals(async () => {
      const operations = await hubRequests(async () => {
        expect((await sendBatch(messages)).status).toBe(201);
      });
      // The first three, 250,000 alone, the next three, 261,900 alone, the last: base64 takes a third more.
      expect(operations).toBe(5);
    });
    expect(arrived.map(({ body }) => body.Data.length)).toEqual(sizes);
    expect(new Set(arrived.map(({ messageId }) => messageId)).size).toBe(sizes.length);
  });

  test('has a result for each message if some are invalid', async () => {
    const arrived = await arrivals(async () => {
      const { status, json, headers } = await sendBatch([
        { deviceMessage: 1, messageId: 'good' },
        { deviceMessage: 2, messageId: 'bad id' },
        { deviceMessage: 3, properties: { a: 'ü' } },
        { messageId: 'no-message' },
        'nonsense',
        { deviceMessage: 'x'.repeat(300 * 1024) },
        { deviceMessage: 6, properties: { a: 1 } },
        { deviceMessage: 7 },
      ]);
      expect(status).toBe(207);
      expect(json.Data).toBe('2 message(s) from page-1 sent successfully');
      expect(statuses(json.results)).toEqual([
        'accepted',
        'rejected invalid_message_id',
        'rejected invalid_property',
        'rejected invalid_request',
        'rejected invalid_request',
        'rejected message_too_large',
        'rejected invalid_request',
        'accepted',
      ]);
      expect((json.results as Result[]).slice(0, 4).map(({ messageId }) => messageId)).toEqual([
        'good',
        null,
        expect.any(String),
        'no-message',
      ]);
      expect(headers.get('retry-after')).toBeNull();
    });
    expect(arrived.map(({ body }) => body.Data)).toEqual([1, 7]);
  });

  test('that the hub rejects because of one message is split, and the others arrive', async () => {
    stack.emulator.admin.armFault({ target: 'telemetry', kind: 'refuse', messageId: 'm-77' });
    try {
      const arrived = await arrivals(async () => {
        const operations = await hubRequests(async () => {
          const { status, json } = await sendBatch(numbered(100));
          expect(status).toBe(207);
          const bad = (json.results as Result[]).filter(({ status: verdict }) => verdict !== 'accepted');
          expect(bad).toMatchObject([{ messageId: 'm-77', status: 'rejected', code: 'invalid_request' }]);
        });
        expect(operations).toBeLessThan(20);
      });
      expect(arrived.map(({ messageId }) => messageId)).toEqual(
        numbered(100).flatMap(({ messageId }) => (messageId === 'm-77' ? [] : messageId)),
      );
    } finally {
      stack.emulator.admin.clearFaults();
    }
  });

  test('with a wrong key is rejected as a whole, in one request', async () => {
    const operations = await hubRequests(async () => {
      const wrong = { ...device, deviceKey: Buffer.alloc(32, 9).toString('base64') };
      const { status, json } = await sendBatch(numbered(500), wrong);
      expect([status, json.code, json.results.length]).toEqual([401, 'device_unauthorized', 500]);
      expect(new Set(statuses(json.results))).toEqual(new Set(['rejected device_unauthorized']));
    });
    expect(operations).toBe(1);
  });

  test.each([
    [{ kind: 'throttle', retryAfterSeconds: 7 }, 429, 'hub_throttled', '7'],
    [{ kind: 'throttle' }, 429, 'hub_throttled', '10'],
    [{ kind: 'quota' }, 429, 'hub_quota_exceeded', '3600'],
    [{ kind: 'unavailable' }, 503, 'hub_unavailable', '5'],
    [{ kind: 'hang' }, 504, 'hub_timeout', '5'],
  ])('that gets %j is retryable', async (fault, expected, code, retryAfter) => {
    stack.emulator.admin.armFault({ target: 'telemetry', ...fault });
    try {
      const { status, json, headers } = await sendBatch(numbered(3));
      expect([status, json.code, headers.get('retry-after')]).toEqual([expected, code, retryAfter]);
      expect(statuses(json.results)).toEqual([`retry ${code}`, `retry ${code}`, `retry ${code}`]);
    } finally {
      stack.emulator.admin.clearFaults();
    }
  });

  test('of which the hub accepts half before it throttles tells which half', async () => {
    stack.emulator.admin.armFault({ target: 'telemetry', kind: 'slow', delayMs: 0, times: 1 });
    stack.emulator.admin.armFault({ target: 'telemetry', kind: 'throttle' });
    try {
      const messages = [1, 2, 3].map((n) => ({ deviceMessage: `${n}${'x'.repeat(150_000)}` }));
      const { status, json, headers } = await sendBatch(messages);
      expect([status, headers.get('retry-after')]).toEqual([207, '10']);
      expect(statuses(json.results)).toEqual(['accepted', 'retry hub_throttled', 'retry hub_throttled']);
    } finally {
      stack.emulator.admin.clearFaults();
    }
  });

  test.each([
    ['no messages', { messages: [] }],
    ['501 messages', { messages: numbered(501) }],
    ['messages that are no list', { messages: { 0: { deviceMessage: 1 } } }],
    ['a message besides', { messages: numbered(1), deviceMessage: 1 }],
  ])('with %s answers 400', async (_, wrong) => {
    const { status, json } = await stack.send({ ...device, ...wrong });
    expect([status, json.code]).toEqual([400, 'invalid_request']);
  });

  test('cannot forge another message or property through its content', async () => {
    const crafted = '"},{"body":"Zm9yZ2Vk","properties":{"iothub-app-admin":"1"}}';
    const arrived = await arrivals(async () => {
      const { status, json } = await sendBatch([
        { deviceMessage: crafted, messageId: 'a' },
        { deviceMessage: 1, properties: { a: crafted } },
        { deviceMessage: 1, properties: { [crafted]: 'a' } },
        { deviceMessage: 1, messageId: crafted },
        { deviceMessage: 2, messageId: 'b' },
      ]);
      expect(status).toBe(207);
      expect(statuses(json.results).filter((status) => status === 'accepted')).toHaveLength(2);
    });
    expect(arrived.map(({ body, properties }) => [body.Data, properties])).toEqual([
      [crafted, {}],
      [2, {}],
    ]);
  });

  test('that reaches the deadline lists the messages that may not be stored', async () => {
    stack.emulator.admin.armFault({ target: 'telemetry', kind: 'slow', delayMs: 0, times: 1 });
    stack.emulator.admin.armFault({ target: 'telemetry', kind: 'hang' });
    try {
      const messages = [1, 2, 3].map((n) => ({ deviceMessage: `${n}${'x'.repeat(150_000)}` }));
      const { status, json } = await sendBatch(messages);
      expect(status).toBe(207);
      expect(statuses(json.results)).toEqual(['accepted', 'retry hub_timeout', 'retry hub_timeout']);
    } finally {
      stack.emulator.admin.clearFaults();
    }
  });
});
