import { request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { receiveEvents } from '../azureSdks';
import { KEY, call } from '../stack';
import { useSensorFeed } from './sensorFeed';

const feed = useSensorFeed();
const feedUrl = (query: string): string => `${feed.stack.host.url}/api/message_feed${query}`;

/** The bytes as they came, which `fetch` would inflate. */
function rawFeed(
  headers: Record<string, string>,
): Promise<{ headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    request(
      `${feed.stack.host.url}/api/message_feed?limit=10000`,
      { headers: { 'x-functions-key': KEY, ...headers } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          resolve({ headers: response.headers, body: Buffer.concat(parts) });
        });
      },
    )
      .on('error', reject)
      .end();
  });
}

test('what the feed gives is what the SDK for Event Hubs gives', async () => {
  await feed.send('{"t":1}', (m) => {
    m.messageId = 'id-1';
    m.correlationId = 'correlation-1';
    m.contentType = 'application/json';
    m.contentEncoding = 'utf-8';
    m.properties.add('Level', 'high');
    m.properties.add('Where', 'hall & yard; x=1');
  });
  await feed.send('plain');
  feed.stack.emulator.admin.seed({ count: 500 });

  const events = await receiveEvents(feed.stack.emulator.connectionStrings.eventHub('service'), 502);
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
  const { json } = await feed.stack.feed({ limit: 10_000 });
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
    const { status, headers } = await feed.fetchFeed(accept === undefined ? {} : { accept });
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
    const { status, json, headers } = await feed.fetchFeed({ accept });
    expect([status, json.code]).toEqual([406, 'not_acceptable']);
    expect(headers.get('vary')).toMatch(/\bAccept\b/);
    expect(json.detail).toContain(NDJSON);
  });

  test('NDJSON has a message a line, and a last line with next_offset', async () => {
    await feed.send('{\n"t": 1\n}');
    await feed.send('two\nlines');
    const asJson = (await feed.stack.feed()).json;
    const { text } = await feed.fetchFeed({ accept: NDJSON });
    expect(text.endsWith('\n')).toBe(true);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const { messages, ...rest } = asJson;
    expect(lines).toEqual([...messages, rest]);
  });

  test('CloudEvents have their attributes, and the way on in the headers', async () => {
    await feed.send('{"t":1}', (m) => {
      m.messageId = 'id-1';
      m.properties.add('Level', 'high');
    });
    feed.stack.emulator.admin.seed({ count: 4, partitionId: '0' });
    const { headers, text } = await feed.fetchFeed({ accept: CLOUDEVENTS }, '?limit=2&wait=0');
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
        source: `//${feed.stack.emulator.hostName}`,
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
    feed.stack.emulator.admin.seed({ count: 4 });
    const { next_offset: after } = (await feed.stack.feed()).json as { next_offset: string };
    feed.stack.emulator.admin.seed({ count: 4, partitionId: '0' });
    feed.stack.emulator.admin.expire({ partitionId: '0', keep: 1 });
    const gap = await feed.fetchFeed({ accept: CLOUDEVENTS }, `?after_offset=${after}`);
    expect(gap.headers.get('hubfront-gaps')).toBe('0:2-4');
    feed.stack.emulator.admin.recreateHub({ keepDevices: true });
    const reset = await feed.fetchFeed({ accept: CLOUDEVENTS }, `?after_offset=${after}`);
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
    feed.stack.emulator.admin.seed({ count: 200 });
    const plain = await rawFeed({});
    expect(plain.headers['content-encoding']).toBeUndefined();
    const small = await rawFeed({ 'accept-encoding': encoding });
    expect(small.headers['content-encoding']).toBe(encoding);
    expect(inflate(small.body).equals(plain.body)).toBe(true);
    expect(small.body.length * 4).toBeLessThan(plain.body.length);
  });

  test('is left out where it does not pay, or is not wanted', async () => {
    expect((await rawFeed({ 'accept-encoding': 'gzip' })).headers['content-encoding']).toBeUndefined();
    feed.stack.emulator.admin.seed({ count: 200 });
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
    const { status, json } = await feed.fetchFeed({ 'accept-encoding': accepted });
    expect([status, json.code]).toEqual([406, 'not_acceptable']);
    expect(json.detail).toContain('br, gzip, identity');
  });
});
