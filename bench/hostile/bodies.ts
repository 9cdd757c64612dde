import { gzipSync } from 'node:zlib';

/** A request body to POST to `/api/messages`. */
export interface Body {
  name: string;
  bytes: Buffer;
  gzip: boolean;
}

const DEVICE = { deviceId: 'bench', deviceKey: Buffer.alloc(32, 1).toString('base64') };
const EVENT = {
  event: 'browse_product',
  product_id: 162,
  url: 'https://shop.example/products/blue-shirt?size=m',
  at: '2026-11-26T08:30:00.000Z',
  price: 19.99,
  tags: ['new', 'sale'],
};

const gzipped = (name: string, text: string): Body => ({ name, bytes: gzipSync(text), gzip: true });

/** A batch of events like one that a page sends after being offline. */
export function ordinaryBatch(inflatedBytes: number): Body {
  const events = Math.ceil(inflatedBytes / (JSON.stringify(EVENT).length + 1));
  const each = Math.ceil(events / 500);
  const messages = Array.from({ length: Math.ceil(events / each) }, (_, n) => ({
    messageId: `m-${n}`,
    deviceMessage: each === 1 ? EVENT : Array.from({ length: each }, () => EVENT),
  }));
  return gzipped('an ordinary batch', JSON.stringify({ ...DEVICE, messages }));
}

/** One text that is too long for a message. This body is the least work for a parser. */
export function longText(inflatedBytes: number): Body {
  return gzipped('one long text', `{"x":"${'x'.repeat(inflatedBytes)}"}`);
}

/** The same without compression, as the peer of uncompressed bodies. */
export function longPlainText(bytes: number): Body {
  return { name: 'one long text, plain', bytes: Buffer.from(`{"x":"${'x'.repeat(bytes)}"}`), gzip: false };
}

const repeat = (unit: string, bytes: number): string =>
  unit.repeat(Math.floor(bytes / Buffer.byteLength(unit)));
const members = (bytes: number): string =>
  Array.from({ length: Math.floor(bytes / 10) }, (_, i) => `"${i.toString(36).padStart(5, '0')}":1`).join(
    ',',
  );

/** A batch whose messages have this many properties each. */
function batchWithProperties(count: number, bytes: number): string {
  const properties = Array.from({ length: count }, (_, i) => `"p${i}":"x"`).join(',');
  const message = `{"deviceMessage":1,"properties":{${properties}}}`;
  const messages = Array<string>(Math.max(1, Math.floor(bytes / message.length))).fill(message);
  return `{${JSON.stringify(DEVICE).slice(1, -1)},"messages":[${messages.join(',')}]}`;
}

/** Bodies that are rejected. Their cost must only depend on their size. */
export function rejectedBodies(inflatedBytes: number): Body[] {
  const around = (value: string): string =>
    `{${JSON.stringify(DEVICE).slice(1, -1)},"deviceMessage":${value}}`;
  const shapes: [string, string][] = [
    ['brackets without end', `{"x":${repeat('[', inflatedBytes)}`],
    ['nested arrays', around(repeat('[', inflatedBytes / 2) + repeat(']', inflatedBytes / 2))],
    [
      'nested objects',
      around(`${repeat('{"a":', inflatedBytes / 1.2)}1${'}'.repeat(Math.floor(inflatedBytes / 6))}`),
    ],
    ['empty arrays', around(`[${repeat('[],', inflatedBytes)}[]]`)],
    ['empty objects', around(`[${repeat('{},', inflatedBytes)}{}]`)],
    ['members', around(`{${members(inflatedBytes)}}`)],
    ['members of the body', `{${members(inflatedBytes)}}`],
    ['the same name again and again', `{${repeat('"deviceId":"a",', inflatedBytes)}"x":1}`],
    ['numbers', around(`[${repeat('0.1e-7,', inflatedBytes)}1]`)],
    ['one long number', around(repeat('9', inflatedBytes))],
    ['escapes', around(`"${repeat('\\u0000', inflatedBytes)}"`)],
    ['surrogates', around(`"${repeat('\\ud83d\\ude00', inflatedBytes)}"`)],
    ['line ends in a string', around(`"${repeat('\\n', inflatedBytes)}"`)],
    ['long names', around(`{${repeat(`"${'k'.repeat(1_000)}":1,`, inflatedBytes)}"x":1}`)],
    ['white space', around(`[${repeat('1 ,\n', inflatedBytes)}1]`)],
    ['space alone', `${repeat(' ', inflatedBytes)}1`],
    ['emoji', around(`"${repeat('😀', inflatedBytes)}"`)],
    ['messages beyond the limit', `{"messages":[${repeat('{},', inflatedBytes)}{}]}`],
    ['properties beyond the limit', around(`1,"properties":{${members(inflatedBytes)}}`)],
    ['messages with 5,000 properties each', batchWithProperties(5_000, inflatedBytes)],
    ['messages with 400 properties each', batchWithProperties(400, inflatedBytes)],
    [
      'a device id without end',
      `{"deviceId":"${repeat('\\u0061', inflatedBytes)}","deviceKey":"x","deviceMessage":1}`,
    ],
  ];
  return shapes.map(([name, text]) => gzipped(name, text));
}

/** gzip of the given size that inflates to almost nothing. */
export function emptyGzip(sentBytes: number): Body[] {
  const member = gzipSync('');
  const members = Buffer.concat(Array.from({ length: Math.floor(sentBytes / member.length) }, () => member));
  // Empty stored blocks (RFC 1951, section 3.2.4), and the end of an empty member.
  const header = member.subarray(0, 10);
  const blocks = Buffer.alloc(Math.floor(sentBytes / 5) * 5, Buffer.from([0, 0, 0, 0xff, 0xff]));
  const end = Buffer.concat([Buffer.from([1, 0, 0, 0xff, 0xff]), Buffer.alloc(8)]);
  return [
    { name: 'empty gzip members', bytes: members, gzip: true },
    { name: 'empty gzip blocks', bytes: Buffer.concat([header, blocks, end]), gzip: true },
  ];
}

/** Batches with the maximum number of parts. They are processed like any other batch. */
export function busyBatches(inflatedBytes: number): Body[] {
  const batch = (name: string, message: string): Body =>
    gzipped(
      name,
      `{${JSON.stringify(DEVICE).slice(1, -1)},"messages":[${Array<string>(500).fill(message).join(',')}]}`,
    );
  const each = Math.floor(inflatedBytes / 500);
  const properties = Array.from({ length: 10 }, (_, i) => `"p${i}":"x"`).join(',');
  return [
    batch(
      'messages with as many properties as a request may have',
      `{"deviceMessage":"${'x'.repeat(each - properties.length)}","properties":{${properties}}}`,
    ),
    batch('messages that are invalid', `{"deviceMessage":1,"messageId":"${'\\u00e9'.repeat(each / 6)}"}`),
    batch('messages of empty arrays', `{"deviceMessage":[${'[],'.repeat(each / 3)}[]]}`),
  ];
}
