import { gzipSync } from 'node:zlib';
import type { Message as DeviceMessage } from 'azure-iot-device';
import { describe, expect, test } from 'vitest';
import { useSensorFeed } from './sensorFeed';

const feed = useSensorFeed();

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
    // Without a byte order mark. Of these, some have a lower byte that is 0 or like a mark.
    ...['\u4e00\u4e8c\u4e09', 'þorn', '\u4e00, \u4e8c', 'plain', 'こんにちは', '\u3000今日は晴れ'].flatMap(
      (text) =>
        (['le', 'be'] as const).flatMap((order): Body[] => [
          [`the text ${text} in utf-16, ${order}`, encodeUtf16(text, order), asJson('utf-16'), text],
          [`the text ${text} in utf-32, ${order}`, encodeUtf32(text, order), asJson('utf-32'), text],
          [
            `the JSON of ${text} in utf-16, ${order}`,
            encodeUtf16(`["${text}"]`, order),
            asJson('utf-16'),
            [text],
          ],
        ]),
    ),
    ['utf-16le after the mark of the other order', encodeUtf16('\uFEFF[1]', 'be'), asJson('utf-16le'), [1]],
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
    await feed.send(body, set);
    const { json } = await feed.stack.feed();
    expect(json.messages).toMatchObject([{ body: expected }]);
  });

  test('with a number that JavaScript would round comes as the text it was sent as', async () => {
    await feed.send('{"id":12345678901234567890,"price":1.10}');
    expect((await feed.stack.feed()).text).toContain('"body":{"id":12345678901234567890,"price":1.10}');
  });
});
