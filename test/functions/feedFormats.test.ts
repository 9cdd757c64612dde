import { randomBytes } from 'node:crypto';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { request } from 'node:http';
import type { Agent } from 'node:https';
import type { Message as DeviceMessage } from 'azure-iot-device';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Message, deviceClient, emulatorAgent, receiveEvents } from '../azureSdks';
import { type Answer, KEY, type Stack, call, startStack } from '../stack';

const DEVICE_KEY = Buffer.alloc(32, 5).toString('base64');

let stack: Stack;
let agent: Agent;
let device: ReturnType<typeof deviceClient>;
beforeAll(async () => {
  stack = await startStack({ partitions: 2 });
  agent = emulatorAgent(stack.emulator);
  await stack.register('sensor', DEVICE_KEY);
  device = deviceClient(stack.emulator, agent, 'sensor', DEVICE_KEY);
});
afterAll(async () => {
  await device.close();
  agent.destroy();
  await stack.close();
});
beforeEach(() => {
  stack.emulator.admin.recreateHub({ keepDevices: true, partitions: 2 });
});

async function send(
  body: string | Buffer,
  set: (message: DeviceMessage) => void = () => undefined,
): Promise<void> {
  const message = new Message(body);
  set(message);
  await device.sendEvent(message);
}

const feedUrl = (query = ''): string => `${stack.host.url}/api/message_feed${query}`;
const fetchFeed = (headers: Record<string, string>, query = ''): Promise<Answer> =>
  stack.feedAt(query, headers);

/** The bytes as they came, which `fetch` would inflate. */
function rawFeed(
  headers: Record<string, string>,
): Promise<{ headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    request(feedUrl('?limit=10000'), { headers: { 'x-functions-key': KEY, ...headers } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        resolve({ headers: response.headers, body: Buffer.concat(parts) });
      });
    })
      .on('error', reject)
      .end();
  });
}

describe('a body', () => {
  const latin1 = Buffer.from('d\u00e9j\u00e0 vu', 'latin1');
  const compressed = gzipSync('{"t":1}');
  type Body = [string, string | Buffer, ((message: DeviceMessage) => void) | undefined, unknown];
  const asJson = (contentEncoding: string) => (m: DeviceMessage) =>
    Object.assign(m, { contentType: 'application/json', contentEncoding });
  const odd = (base64: string, contentEncoding: string) => ({ base64, contentEncoding });
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  const encodeUtf16 = (text: string, order: '' | 'le' | 'be') => {
    const bytes = Buffer.from(text, 'utf16le');
    return order === 'be' ? bytes.swap16() : bytes;
  };
  const encodeUtf32 = (text: string, order: '' | 'le' | 'be') => {
    const bytes = Buffer.from(Uint32Array.from(Array.from(text, (char) => char.codePointAt(0) ?? 0)).buffer);
    return order === 'be' ? bytes.swap32() : bytes;
  };
  test.each<Body>([
    ['JSON', '{"t":21.50,"ok":true}', undefined, { t: 21.5, ok: true }],
    ['JSON over several lines', '{\r\n  "t": 1\n}', undefined, { t: 1 }],
    ['JSON after a byte order mark', '\uFEFF{"t":1}', undefined, { t: 1 }],
    ['a JSON text', '"21"', undefined, '21'],
    ['JSON that is declared as text', '21', (m) => Object.assign(m, { contentType: 'text/plain' }), '21'],
    ['text', 'déjà vu', undefined, 'déjà vu'],
    ['nothing', '', undefined, ''],
    ['text in another encoding', latin1, undefined, { base64: latin1.toString('base64') }],
    ['random bytes', Buffer.from([0xff, 0, 0xfe]), undefined, { base64: '/wD+' }],
    [
      'a compressed body',
      compressed,
      (m) => Object.assign(m, { contentEncoding: 'gzip' }),
      { base64: compressed.toString('base64'), contentEncoding: 'gzip' },
    ],
    ...(['', 'le', 'be'] as const).flatMap((order): Body[] => [
      [`JSON in utf-16${order}`, encodeUtf16('{"t":"ü😀"}', order), asJson(`utf-16${order}`), { t: 'ü😀' }],
      [`text in utf-16${order}`, encodeUtf16('{"t', order), asJson(`UTF-16${order}`), '{"t'],
      [`JSON in utf-32${order}`, encodeUtf32('{"t":"ü😀"}', order), asJson(`utf-32${order}`), { t: 'ü😀' }],
      [
        `JSON in utf-32${order} after a byte order mark`,
        encodeUtf32('\uFEFF[1]', order === '' ? 'be' : order),
        asJson('utf-32'),
        [1],
      ],
      [
        `JSON in utf-16${order} after a byte order mark`,
        encodeUtf16('\uFEFF[1]', order === '' ? 'be' : order),
        asJson('utf-16'),
        [1],
      ],
    ]),
    ['half a character of utf-16', Buffer.from('3dd8', 'hex'), asJson('utf-16'), odd('Pdg=', 'utf-16')],
    [
      'an odd number of bytes of utf-16',
      Buffer.from('7b007d', 'hex'),
      asJson('utf-16'),
      odd('ewB9', 'utf-16'),
    ],
    [
      'no character of utf-32',
      Buffer.from('00001100', 'hex'),
      asJson('utf-32le'),
      odd('AAARAA==', 'utf-32le'),
    ],
    ...['text/json', 'application/vnd.shop.event+json', 'TEXT/JSON; charset=utf-8', 'image/svg+json'].map(
      (contentType): Body => [
        `of type ${contentType}`,
        '{"t":1}',
        (m) => Object.assign(m, { contentType }),
        { t: 1 },
      ],
    ),
    ...(['', 'le', 'be'] as const).flatMap((order): Body[] =>
      [
        `application/vnd.x+json;charset=utf-16${order}`,
        `application/json; x=1; charset = "UTF-16${order}"`,
      ].map((contentType) => [
        `of type ${contentType}`,
        encodeUtf16('{"t":"ü😀"}', order),
        (m) => Object.assign(m, { contentType, contentEncoding: order === '' ? undefined : 'identity' }),
        { t: 'ü😀' },
      ]),
    ),
    [
      'text with the charset utf-32',
      encodeUtf32('{"ü"}', 'be'),
      (m) => Object.assign(m, { contentType: 'text/plain;charset=utf-32be' }),
      '{"ü"}',
    ],
    [
      'of a content encoding that its charset contradicts',
      '{"t":1}',
      (m) => Object.assign(m, { contentType: 'text/json;charset=utf-16', contentEncoding: 'utf-8' }),
      { t: 1 },
    ],
    [
      'compressed, with a charset',
      compressed,
      (m) => Object.assign(m, { contentType: 'text/json;charset=utf-16', contentEncoding: 'gzip' }),
      { base64: compressed.toString('base64'), contentEncoding: 'gzip' },
    ],
    ...[
      'application/jsonp',
      'image/svg+xml',
      'application/json-seq',
      'application/x+json+xml',
      'application/x+xml+json',
      'application/xml; type=application/json',
      'application/octet-stream',
      'text/json5',
    ].map((contentType): Body => [
      `of type ${contentType}`,
      '{"t":1}',
      (m) => Object.assign(m, { contentType }),
      contentType === 'application/x+xml+json' ? { t: 1 } : '{"t":1}',
    ]),
    ['text/html', '{"t":1}', (m) => Object.assign(m, { contentType: 'text/html; x=+json' }), '{"t":1}'],
    ['JSON of 64 levels', nested(64), undefined, JSON.parse(nested(64))],
    ['JSON of more levels than workers read', nested(65), undefined, nested(65)],
    ['200 KB of brackets', '['.repeat(200_000), undefined, '['.repeat(200_000)],
  ])('that is %s comes as such', async (_, body, set, expected) => {
    await send(body, set);
    const { json } = await stack.feed();
    expect(json.messages).toMatchObject([{ body: expected }]);
  });

  test('with a number that JavaScript would round comes as the text it was sent as', async () => {
    await send('{"id":12345678901234567890,"price":1.10}');
    expect((await stack.feed()).text).toContain('"body":{"id":12345678901234567890,"price":1.10}');
  });
});

describe('the creation time', () => {
  const createdAt = '2026-11-26T08:30:00.123Z';

  test('of a message is the same from a page, in a batch and from a device itself', async () => {
    const page = { deviceId: 'sensor', deviceKey: DEVICE_KEY };
    const properties = { Level: 'high' };
    await stack.send({ ...page, deviceMessage: 1, createdAt, properties });
    await stack.send({
      ...page,
      messages: [
        { deviceMessage: 2, createdAt, properties },
        { deviceMessage: 3, properties },
      ],
    });
    await send('4', (m) => {
      m.properties.add('iothub-creation-time-utc', createdAt);
      m.properties.add('Level', 'high');
    });
    const { json } = await stack.feed();
    const times = (json.messages as { createdAt?: string }[]).map((message) => message.createdAt);
    expect(times).toEqual([createdAt, createdAt, undefined, createdAt]);
    for (const message of json.messages) expect(message.properties).toEqual({ Level: 'high' });
    const cloudEvents = await fetchFeed({ accept: 'application/cloudevents-batch+json' });
    expect(JSON.parse(cloudEvents.text)).toMatchObject([
      { createdat: createdAt },
      { createdat: createdAt },
      {},
      {},
    ]);
    // As Microsoft's own reader has it.
    const events = await receiveEvents(stack.emulator.connectionStrings.eventHub('service'), 4);
    const read = events.map((event) => event.properties?.['iothub-creation-time-utc'] as unknown);
    expect(read.sort()).toEqual([createdAt, createdAt, createdAt, undefined]);
  });

  test.each([
    '2026-11-26T08:30:00',
    '2026-11-26T08:30:00+01:00',
    '2026-11-26T08:30:00-00:00',
    '2026-02-30T08:30:00Z',
    '2026-11-26',
    '2026-11-26 08:30:00Z',
    '2026-11-26T25:30:00Z',
    '0000-01-01T00:00:00Z',
    '2026-11-26T08:30Z',
    '2026-11-26T08:30:00.12345678Z',
    'yesterday',
    '',
    1_732_609_800,
    null,
    {},
  ])('%j is none', async (wrong) => {
    const page = { deviceId: 'sensor', deviceKey: DEVICE_KEY };
    const single = await stack.send({ ...page, deviceMessage: 1, createdAt: wrong });
    expect([single.status, single.json.code]).toEqual([400, 'invalid_request']);
    expect(single.json.detail).toContain('createdAt');
    const batch = await stack.send({
      ...page,
      messages: [
        { deviceMessage: 1, createdAt: wrong },
        { deviceMessage: 2, createdAt },
      ],
    });
    expect([batch.status, batch.json.results]).toMatchObject([
      207,
      [
        {
          status: 'rejected',
          code: 'invalid_request',
          detail: expect.stringMatching(/^createdAt: [^;]*\.$/) as string,
        },
        { status: 'accepted' },
      ],
    ]);
  });

  test.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.9999999Z', '2024-02-29T00:00:00.1Z'])(
    'may be %s',
    async (time) => {
      const page = { deviceId: 'sensor', deviceKey: DEVICE_KEY };
      expect((await stack.send({ ...page, deviceMessage: 1, createdAt: time })).status).toBe(201);
      expect((await stack.feed()).json.messages).toMatchObject([{ createdAt: time }]);
    },
  );

  test('that the hub does not take is refused when a device sends it itself', async () => {
    for (const time of ['0000-01-01T00:00:00Z', '2026-11-26T08:30:00.12345678Z']) {
      const sent = send('1', (m) => {
        m.properties.add('iothub-creation-time-utc', time);
      });
      await expect(sent).rejects.toThrow();
    }
  });

  test('cannot be set as a property', async () => {
    const page = { deviceId: 'sensor', deviceKey: DEVICE_KEY };
    const properties = { 'IotHub-Creation-Time-Utc': createdAt };
    const { status, json } = await stack.send({ ...page, deviceMessage: 1, properties });
    expect([status, json.code]).toEqual([400, 'invalid_property']);
  });
});

test('what the feed gives is what the SDK for Event Hubs gives', async () => {
  await send('{"t":1}', (m) => {
    m.messageId = 'id-1';
    m.correlationId = 'correlation-1';
    m.contentType = 'application/json';
    m.contentEncoding = 'utf-8';
    m.properties.add('Level', 'high');
    m.properties.add('Where', 'hall & yard; x=1');
  });
  await send('plain');
  stack.emulator.admin.seed({ count: 500 });

  const events = await receiveEvents(stack.emulator.connectionStrings.eventHub('service'), 502);
  const bySdk = events.map((event) => ({
    partitionId: event.partitionId,
    offset: event.offset,
    sequenceNumber: event.sequenceNumber,
    enqueuedTimeUtc: event.enqueuedTimeUtc.toISOString(),
    deviceId: event.systemProperties?.['iothub-connection-device-id'],
    messageId: event.messageId ?? null,
    ...(event.correlationId !== undefined && { correlationId: event.correlationId }),
    contentType: event.contentType ?? null,
    properties: event.properties ?? {},
    body: Buffer.isBuffer(event.body) ? event.body.toString() : (event.body as unknown),
  }));
  const { json } = await stack.feed({ limit: 10_000 });
  const byFeed = json.messages as Record<string, unknown>[];
  for (const message of byFeed) delete message.systemProperties; // which the SDK spreads over its own fields
  const inOrder = (messages: Record<string, unknown>[]): Record<string, unknown>[] =>
    [...messages].sort(
      (a, b) =>
        Number(a.partitionId) - Number(b.partitionId) || Number(a.sequenceNumber) - Number(b.sequenceNumber),
    );
  expect(inOrder(byFeed)).toEqual(inOrder(bySdk));
});

describe('the format', () => {
  const NDJSON = 'application/x-ndjson';
  const CLOUDEVENTS = 'application/cloudevents-batch+json';

  test.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['text/html, application/json;q=0.9', 'application/json'],
    [NDJSON, NDJSON],
    ['', 'application/json'],
    ['application/json; charset=UTF-8', 'application/json'],
    [`${NDJSON};charset=utf-8`, NDJSON],
    ['application/json;charset=utf-8', 'application/json'],
    ['application/json;charset="utf-8"', 'application/json'],
    ['APPLICATION/JSON ; Charset=UTF8', 'application/json'],
    ['application/json;odata="a,b;q=0";q=0.8, text/html', 'application/json'],
    [`application/json;charset=utf-8;q=0.5, ${NDJSON};charset=utf-8;q=0.6`, NDJSON],
    [`application/json;q=0.5, ${NDJSON}`, NDJSON],
    ['application/json;q=0, */*', NDJSON],
    [CLOUDEVENTS, CLOUDEVENTS],
  ])('for Accept: %s is %s', async (accept, expected) => {
    const { status, headers } = await fetchFeed(accept === undefined ? {} : { accept });
    expect([status, headers.get('content-type')?.split(';')[0]]).toEqual([200, expected]);
    expect(headers.get('vary')).toMatch(/\bAccept\b/);
  });

  test.each([
    'text/html',
    'application/xml',
    'application/json;q=0',
    'application/json;charset=utf-8;q=0',
    'nonsense',
  ])('for Accept: %s is none: 406 with what there is', async (accept) => {
    const { status, json, headers } = await fetchFeed({ accept });
    expect([status, json.code]).toEqual([406, 'not_acceptable']);
    expect(headers.get('vary')).toMatch(/\bAccept\b/);
    expect(json.detail).toContain(NDJSON);
  });

  test('NDJSON has a message a line, and a last line with next_offset', async () => {
    await send('{\n"t": 1\n}');
    await send('two\nlines');
    const asJson = (await stack.feed()).json;
    const { text } = await fetchFeed({ accept: NDJSON });
    expect(text.endsWith('\n')).toBe(true);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const { messages, ...rest } = asJson;
    expect(lines).toEqual([...messages, rest]);
  });

  test('CloudEvents have their attributes, and the way on in the headers', async () => {
    await send('{"t":1}', (m) => {
      m.messageId = 'id-1';
      m.properties.add('Level', 'high');
    });
    stack.emulator.admin.seed({ count: 4, partitionId: '0' });
    const { headers, text } = await fetchFeed({ accept: CLOUDEVENTS }, '?limit=2&wait=0');
    const events = JSON.parse(text) as {
      sequencenumber: string;
      partitionid: string;
      time: string;
      [name: string]: unknown;
    }[];
    expect(events).toHaveLength(2);
    for (const event of events) {
      expect(event).toMatchObject({
        specversion: '1.0',
        type: 'Microsoft.Devices.DeviceTelemetry',
        source: `//${stack.emulator.hostName}`,
        id: `${event.partitionid}:${event.sequencenumber}:${Date.parse(event.time)}`,
        subject: expect.stringMatching(/^devices\//) as string,
        time: expect.stringMatching(/Z$/) as string,
        datacontenttype: 'application/json',
      });
      // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#naming-conventions
      for (const name of Object.keys(event)) expect(name).toMatch(/^[a-z0-9]+$/);
    }
    expect(headers.get('hubfront-has-more')).toBe('true');
    const link = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';
    const rest = await call(link, { headers: { 'x-functions-key': KEY, accept: CLOUDEVENTS } });
    expect(JSON.parse(rest.text)).toHaveLength(2);
    expect(new URL(link).searchParams.get('limit')).toBe('2');
  });

  test('tells gaps, resets and what is incomplete in headers where the body has no place', async () => {
    stack.emulator.admin.seed({ count: 4 });
    const { next_offset: after } = (await stack.feed()).json as { next_offset: string };
    stack.emulator.admin.seed({ count: 4, partitionId: '0' });
    stack.emulator.admin.expire({ partitionId: '0', keep: 1 });
    const gap = await fetchFeed({ accept: CLOUDEVENTS }, `?after_offset=${after}`);
    expect(gap.headers.get('hubfront-gaps')).toBe('0:2-4');
    stack.emulator.admin.recreateHub({ keepDevices: true });
    const reset = await fetchFeed({ accept: CLOUDEVENTS }, `?after_offset=${after}`);
    expect(reset.headers.get('hubfront-reset')).toBe('true');
  });

  test('never repeats a function key in its link', async () => {
    const { headers } = await call(feedUrl(`?code=${KEY}&limit=5`));
    expect(headers.get('link')).toContain('limit=5');
    expect(headers.get('link')).not.toContain(KEY);
  });
});

describe('compression', () => {
  test.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ])('by %s gives the same bytes, smaller', async (encoding, inflate) => {
    stack.emulator.admin.seed({ count: 200 });
    const plain = await rawFeed({});
    expect(plain.headers['content-encoding']).toBeUndefined();
    const small = await rawFeed({ 'accept-encoding': encoding });
    expect(small.headers['content-encoding']).toBe(encoding);
    expect(inflate(small.body).equals(plain.body)).toBe(true);
    expect(small.body.length * 4).toBeLessThan(plain.body.length);
  });

  test('is left out where it does not pay, or is not wanted', async () => {
    expect((await rawFeed({ 'accept-encoding': 'gzip' })).headers['content-encoding']).toBeUndefined();
    stack.emulator.admin.seed({ count: 200 });
    for (const accepted of ['identity', 'gzip;q=0', 'zstd']) {
      expect((await rawFeed({ 'accept-encoding': accepted })).headers['content-encoding']).toBeUndefined();
    }
  });
});

describe('compression where the answer may not come as it is', () => {
  test.each(['gzip, identity;q=0', 'gzip, *;q=0'])('is done however small it is: %s', async (accepted) => {
    const { headers, body } = await rawFeed({ 'accept-encoding': accepted });
    expect(headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(body).toString())).toMatchObject({ messages: [] });
  });

  test.each(['identity;q=0', 'zstd, *;q=0'])('is a 406 where none will do: %s', async (accepted) => {
    const { status, json } = await fetchFeed({ 'accept-encoding': accepted });
    expect([status, json.code]).toEqual([406, 'not_acceptable']);
    expect(json.detail).toContain('br, gzip, identity');
  });
});

describe('an answer', () => {
  test.each([
    ['many large messages', { partitions: 2, count: 150, sizeBytes: 100_000 }],
    ['as many small ones as there may be', { partitions: 4, count: 12_000, sizeBytes: 400 }],
    [
      'a message a partition that together are too many',
      { partitions: 32, count: 96, sizeBytes: 256 * 1024 },
    ],
  ])(
    'of %s holds 8 MB at the most, and goes on with the next',
    async (_, { partitions, count, sizeBytes }) => {
      stack.emulator.admin.recreateHub({ keepDevices: true, partitions });
      stack.emulator.admin.seed({ count, sizeBytes });
      const seen = new Map<string, number[]>();
      let after = '0';
      for (let more = true; more;) {
        const { text, json } = await stack.feed({ after_offset: after, limit: 10_000 });
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8_000_000);
        expect(json.gaps).toEqual([]);
        for (const { partitionId, sequenceNumber } of json.messages as {
          partitionId: string;
          sequenceNumber: number;
        }[]) {
          seen.set(partitionId, [...(seen.get(partitionId) ?? []), sequenceNumber]);
        }
        after = json.next_offset as string;
        more = json.has_more as boolean;
      }
      expect(seen.size).toBe(partitions);
      const all = Array.from({ length: count / partitions }, (_, number) => number);
      for (const numbers of seen.values()) expect(numbers).toEqual(all);
    },
  );

  test('that ends in the middle of a partition goes on just there', async () => {
    stack.emulator.admin.recreateHub({ keepDevices: true, partitions: 30 });
    for (let id = 0; id < 29; id += 1) {
      stack.emulator.admin.seed({ count: 1, sizeBytes: 256 * 1024, partitionId: String(id) });
    }
    stack.emulator.admin.seed({ count: 5, sizeBytes: 51_000, partitionId: '29' });
    const { json } = await stack.feed();
    expect(json.has_more).toBe(true);
    const ofLast = (messages: { partitionId: string; sequenceNumber: number }[]): number[] =>
      messages.filter((one) => one.partitionId === '29').map((one) => one.sequenceNumber);
    expect(ofLast(json.messages)).toEqual([0, 1, 2, 3]);
    const rest = await stack.feed({ after_offset: json.next_offset });
    expect(ofLast(rest.json.messages)).toEqual([4]);
  });

  test('ends early too where messages grow sixfold when they are written', async () => {
    // Control characters take six bytes each in JSON: no message of IoT Hub's 256 KB comes near to 8 MB.
    for (let i = 0; i < 7; i += 1) await send('\u0001'.repeat(250_000));
    let read = 0;
    let after = '0';
    for (let more = true; more;) {
      const { text, json } = await stack.feed({ after_offset: after });
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8_000_000);
      read += json.messages.length as number;
      after = json.next_offset as string;
      more = json.has_more as boolean;
    }
    expect(read).toBe(7);
  });

  test('takes messages that grow sixfold when they are written', async () => {
    // Control characters take six bytes each in JSON; the message itself is within IoT Hub's 256 KB.
    await send('\u0001'.repeat(200_000));
    await send(randomBytes(200_000));
    const { json } = await stack.feed();
    expect(json.messages).toHaveLength(2);
  });
});
