import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Stack, call, startStack } from '../stack';

const KEY = Buffer.alloc(32, 3).toString('base64');

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ partitions: 1 });
  await stack.register('raw', KEY);
});
afterAll(() => stack.close());

const JSON_TYPE = { 'content-type': 'application/json' };

/** Sends a body byte for byte. */
const sendRaw = (body: string | Uint8Array, headers: Record<string, string> = JSON_TYPE): Promise<Answer> =>
  call(`${stack.host.url}/api/messages`, {
    method: 'POST',
    headers,
    body: body as NonNullable<RequestInit['body']>,
  });

/** A request whose message is this very text. */
const around = (json: string, more = '') =>
  `{"deviceId":"raw","deviceKey":"${KEY}"${more},"deviceMessage":${json}}`;

function stored(): number {
  return stack.emulator.admin.state().messages;
}

/** The body of the latest message, as the hub has it. */
function latest(): string {
  const last = stack.emulator.admin.state().partitions[0]?.lastSequenceNumber ?? 0;
  return stack.emulator.admin.messages({ partition: '0', from: last })[0]?.body ?? '';
}

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('a message arrives as it was written', () => {
  test.each([
    '9007199254740993',
    '123456789012345678901234567890.123456789',
    '1e400',
    '-0',
    '1.0',
    '0.1e-7',
    '{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}}}',
    '{"a":1,"a":2}',
    '"\\ud800"',
    '{"\\udfff":"\\ud83d\\ude00 😀"}',
    '"\\u0000\\u001f\\u007f"',
    '" \u2028\u2029\uFEFF"',
    '{ "a" :\t[ 1 , 2 ] }',
    'null',
    'false',
    '""',
    '[]',
    nested(64),
    `"${'x'.repeat(200_000)}"`,
    `"${'\\u00e9'.repeat(40_000)}"`,
  ])('%s', async (json) => {
    expect((await sendRaw(around(json))).status).toBe(201);
    expect(latest()).toBe(`{"deviceId":"raw","Data":${json}}`);
    const batch = `{"messages":[{"deviceMessage":${json}},{"messageId":"2","deviceMessage": ${json} }]`;
    expect((await sendRaw(`${batch},"deviceId":"raw","deviceKey":"${KEY}"}`)).status).toBe(201);
    expect(latest()).toBe(`{"deviceId":"raw","Data":${json}}`);
  });

  test('whatever JSON it is', { tags: 'full' }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 8 }), async (json) => {
        expect((await sendRaw(around(json))).status).toBe(201);
        expect(latest()).toBe(`{"deviceId":"raw","Data":${json}}`);
      }),
      { numRuns: 200 },
    );
  });

  test('gzipped, with a byte order mark, or as a beacon too', async () => {
    const gzip = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    for (const [body, headers] of [
      [gzipSync(around('"zipped"')), gzip],
      [Buffer.concat([gzipSync(around('"zip').slice(0, 40)), gzipSync(around('"zipped"').slice(40))]), gzip],
      [`\uFEFF${around('"zipped"')}`, JSON_TYPE],
      [gzipSync(`\uFEFF${around('"zipped"')}`), { ...gzip, 'content-type': 'text/plain' }],
      [around('"zipped"'), { 'content-type': 'text/plain;charset=UTF-8' }],
      [around('"zipped"'), { 'content-type': 'application/json; charset="utf-8"' }],
    ] as const) {
      const before = stored();
      expect((await sendRaw(body, headers)).status).toBe(201);
      expect([stored() - before, latest()]).toEqual([1, '{"deviceId":"raw","Data":"zipped"}']);
    }
  });
});

describe('a message that cannot arrive is rejected', () => {
  const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024));
  const gzip = { ...JSON_TYPE, 'content-encoding': 'gzip' };
  test.each<[string, string | Uint8Array, Record<string, string>, number, string]>([
    ...[
      'NaN',
      'Infinity',
      '-',
      '01',
      '+1',
      '0x10',
      '.5',
      '1.',
      '1e',
      "'a'",
      '{a:1}',
      '[1,]',
      '/**/1',
      '"\t"',
      '',
    ].map((json): [string, string, Record<string, string>, number, string] => [
      `the message ${json}`,
      around(json),
      JSON_TYPE,
      400,
      'invalid_json',
    ]),
    ['65 levels', around(nested(65)), JSON_TYPE, 400, 'invalid_request'],
    ['a million levels', around(nested(1_000_000)), JSON_TYPE, 400, 'invalid_request'],
    ['levels without end', around('['.repeat(2_000_000)), JSON_TYPE, 400, 'invalid_request'],
    ['levels without end elsewhere', `{"x":${'['.repeat(2_000_000)}`, JSON_TYPE, 400, 'invalid_request'],
    ['65 levels elsewhere', around('1', `,"x":${nested(65)}`), JSON_TYPE, 400, 'invalid_request'],
    ['1 MB of text', around(`"${'x'.repeat(1024 * 1024)}"`), JSON_TYPE, 413, 'message_too_large'],
    ['two device ids', around('1', ',"deviceId":"other"'), JSON_TYPE, 400, 'invalid_request'],
    ['two device keys', around('1', ',"deviceKe\\u0079":"other"'), JSON_TYPE, 400, 'invalid_request'],
    ['two messages', around('1', ',"deviceMessage":2'), JSON_TYPE, 400, 'invalid_request'],
    ['a property twice', around('1', ',"properties":{"a":"1","a":"2"}'), JSON_TYPE, 400, 'invalid_request'],
    [
      'a property __proto__',
      around('1', ',"properties":{"__proto__":"1"}'),
      JSON_TYPE,
      400,
      'invalid_property',
    ],
    ['properties of the prototype', `{"__proto__":${around('1')}}`, JSON_TYPE, 400, 'invalid_request'],
    [
      'a prototype of a batch',
      around('1', ',"properties":{"__proto__":{"a":"1"}}'),
      JSON_TYPE,
      400,
      'invalid_property',
    ],
    [
      'bytes that are not UTF-8',
      Buffer.from(around('"\xed\xa0\x80"'), 'latin1'),
      JSON_TYPE,
      400,
      'invalid_json',
    ],
    ['UTF-16', Buffer.from(`\uFEFF${around('1')}`, 'utf16le'), JSON_TYPE, 400, 'invalid_json'],
    ['two bodies', around('1') + around('2'), JSON_TYPE, 400, 'invalid_json'],
    ['white space alone', ' \n', JSON_TYPE, 400, 'invalid_json'],
    ['a bomb', bomb, gzip, 413, 'body_too_large'],
    ['half a gzip', gzipSync(around('1')).subarray(0, 60), gzip, 400, 'invalid_json'],
    ['no gzip', around('1'), gzip, 400, 'invalid_json'],
    ['brotli', around('1'), { ...JSON_TYPE, 'content-encoding': 'br' }, 415, 'unsupported_media_type'],
    [
      'gzip twice',
      around('1'),
      { ...JSON_TYPE, 'content-encoding': 'gzip, gzip' },
      415,
      'unsupported_media_type',
    ],
    ['XML', '<a/>', { 'content-type': 'text/xml' }, 415, 'unsupported_media_type'],
    ['a form', 'a=1', { 'content-type': 'multipart/form-data; boundary=x' }, 415, 'unsupported_media_type'],
    [
      'Latin 1',
      around('1'),
      { 'content-type': 'text/plain; charset=iso-8859-1' },
      415,
      'unsupported_media_type',
    ],
  ])('%s', async (_, body, headers, status, code) => {
    const before = stored();
    const answer = await sendRaw(body, headers);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.text).not.toContain(KEY);
    expect(stored()).toBe(before);
  });

  test('and does not pollute a prototype', async () => {
    const pollution = '{"__proto__":{"deviceId":"raw"},"constructor":{"prototype":{"deviceId":"raw"}}}';
    expect((await sendRaw(pollution)).status).toBe(400);
    const { status, json } = await sendRaw('{"deviceKey":"k","deviceMessage":1}');
    expect([status, json.code]).toEqual([400, 'invalid_request']);
  });
});
