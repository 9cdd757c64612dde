import { type Socket, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { runs } from './testSize';

/** How many malformed requests each local server gets. */
export const MALFORMED_REQUESTS = runs(100, 5_000);

/** As many connections at a time: enough to keep a server busy, fewer than would fill its backlog. */
const PARALLEL = 20;
/** A server that neither responds nor closes for this long has stalled. */
const STALL_MS = 20_000;

const token = fc.constantFrom(
  ...['GET', 'GET', 'GET', 'GET', 'POST', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'],
  ...['CONNECT', 'M-SEARCH', 'PROPFIND', 'QUERY', 'get', '', 'G@T', '\0', 'GET\t', 'Ä'],
);
const oddTargets = [
  ...[
    '/',
    '//',
    '///',
    '//x',
    '//[',
    '//:99999',
    '/%',
    '/%f',
    '/%ff',
    '/%00',
    '/%c0%af',
    '/.',
    '/..',
    '/../..',
  ],
  ...[
    '/%2e%2e%2f%2e%2e',
    '/..%5c',
    '\\',
    '/\\',
    '*',
    '',
    'x',
    '?',
    '/?',
    '/?%',
    '/?%ff=%',
    '/?a=%zz',
    '/#',
    '/;',
  ],
  ...[
    '/?__proto__=1',
    '/__proto__',
    '/constructor',
    '/toString',
    'http://',
    'http://[',
    'http:///',
    'http://:0',
  ],
  ...[
    'http://evil.example/',
    'https://127.0.0.1:99999/',
    'file:///etc/passwd',
    'javascript:1',
    '/\u00ff',
    '/ x',
  ],
  ...[
    '/\t',
    '/a b c',
    '/{',
    '/|',
    '/^',
    '/`',
    '/<script>',
    `/${'a'.repeat(9_000)}`,
    `/${'%41'.repeat(3_000)}`,
  ],
  ...[`/?${'q=1&'.repeat(2_000)}`, `/${'../'.repeat(1_000)}`, '/'.repeat(5_000)],
];
const oddHosts = [
  ...[
    '',
    ' ',
    '[',
    '[::1',
    '[::g]:1',
    'a b',
    'evil.example',
    'localhost:99999',
    'localhost:x',
    ':80',
    '/',
    'a/b',
  ],
  ...[
    'user:password@localhost',
    'localhost\u00ff',
    '127.0.0.1.evil.example',
    'localhost,localhost',
    '%00',
    '\0',
  ],
];
const oddHeaders = [
  ...[
    'Content-Length: -1',
    'Content-Length: 1e9',
    'Content-Length: 99999999999999999999',
    'Content-Length: 12',
  ],
  ...['Content-Length: 90000000', 'Content-Length: 3\r\nContent-Length: 4', 'Content-Length: \u0661'],
  ...['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: x'],
  ...['Content-Length: 5\r\nTransfer-Encoding: chunked', 'Expect: 100-continue', 'Expect: x'],
  ...[
    'Upgrade: websocket\r\nConnection: Upgrade',
    'Upgrade: h2c\r\nConnection: Upgrade',
    'Connection: close',
  ],
  ...['X: \0', 'X Y: 1', ': 1', 'X', 'X:\r\n folded', 'X: \u00ff\u00fe', `X: ${'x'.repeat(20_000)}`],
  ...[
    'X: 1\r\n'.repeat(2_500) + 'X: 1',
    'Origin: null',
    'Origin: http://evil.example',
    'Origin: \u00ff',
    'Cookie: %',
  ],
  ...['Content-Type: application/json', 'Content-Type: \u00ff', 'Content-Encoding: gzip', 'Range: bytes=5-1'],
  ...['If-None-Match: "', 'Accept: \u00ff', 'Sec-Fetch-Site: cross-site', 'x-functions-key: \u00ff'],
];
const bodies = fc.oneof(
  fc.constantFrom(
    ...['', '{', '[1,2', '"', 'null', '{"deviceId":1}', '{"kind":{}}', '[]', '\0\0\0', '\u00ff\u00fe'],
    ...['5\r\nhello\r\n0\r\n\r\n', 'zz\r\n', 'ffffffffffffffff\r\nx', '5\r\nhel', '['.repeat(50_000)],
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5),
  ),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);
const endings = ['\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', ''];

/**
 * Requests that no HTTP client would send, as bytes: targets, methods, headers and bodies of which something is wrong,
 * some of them cut off or with a byte changed.
 *
 * @param paths that the server has, so that its own routes are reached too
 */
export function malformedRequests(
  host: string,
  paths: readonly string[],
  methods = ['GET', 'POST', 'DELETE'],
) {
  const target = fc.oneof(
    fc.constantFrom(...oddTargets, ...paths),
    fc.tuple(fc.constantFrom(...paths), fc.constantFrom(...oddTargets)).map((parts) => parts.join('')),
    fc
      .tuple(fc.constantFrom(...paths), fc.string({ maxLength: 20, unit: 'binary' }))
      .map((parts) => parts.join('')),
  );
  const request = fc
    .record({
      method: fc.oneof(token, fc.constantFrom(...methods)),
      target,
      version: fc.constantFrom(
        ...Array<string>(8).fill('HTTP/1.1'),
        'HTTP/1.0',
        'HTTP/9.9',
        'HTTP/',
        'X',
        '',
      ),
      host: fc.oneof({ weight: 3, arbitrary: fc.constant(host) }, fc.constantFrom(...oddHosts)),
      headers: fc.array(fc.constantFrom(...oddHeaders), { maxLength: 3 }),
      body: bodies,
      end: fc.constantFrom(...endings),
    })
    .map(({ method, target, version, host, headers, body, end }) =>
      Buffer.from(
        `${method} ${target} ${version}${end}${[`Host: ${host}`, ...headers].join(end)}${end}${end}${body}`,
        'latin1',
      ),
    );
  return fc.oneof(
    { weight: 6, arbitrary: request },
    { weight: 1, arbitrary: fc.tuple(request, fc.double({ min: 0, max: 1, noNaN: true })).map(cut) },
    { weight: 1, arbitrary: fc.tuple(request, fc.nat(), fc.nat(255)).map(changeByte) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  );
}

const cut = ([bytes, share]: [Buffer, number]): Buffer => bytes.subarray(0, Math.floor(bytes.length * share));

function changeByte([bytes, at, value]: [Buffer, number, number]): Buffer {
  const changed = Buffer.from(bytes);
  if (changed.length > 0) changed[at % changed.length] = value;
  return changed;
}

/** Bytes for a port with a protocol of its own: openings of it, cut, changed, and followed by anything. */
export function malformedBytes(openings: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const opening = fc.constantFrom(...openings);
  const anything = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof(
    anything,
    fc.nat(500).map((count) => Buffer.alloc(count)),
    fc.tuple(opening, anything).map((parts) => Buffer.concat(parts)),
    fc.tuple(opening, fc.double({ min: 0, max: 1, noNaN: true })).map(cut),
    fc.tuple(opening, fc.nat(), fc.nat(255)).map(changeByte),
    fc
      .tuple(opening, fc.nat(), fc.nat(255), anything)
      .map(([bytes, at, value, rest]) => Buffer.concat([changeByte([bytes, at, value]), rest])),
  );
}

/**
 * Sends each of the requests on a connection of its own, some of them at a time, and gives each up at the first byte of
 * a response.
 *
 * @throws Error naming the request when the server neither responds to it nor closes the connection, which it can:
 *   the client has ended its side
 */
export async function sendAll(port: number, requests: readonly Buffer[], tls = false): Promise<void> {
  const left = requests.entries();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const [number, bytes] of left) await sendOne(port, bytes, tls, number);
    }),
  );
}

function sendOne(port: number, bytes: Buffer, tls: boolean, number: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port, rejectUnauthorized: false };
    const send = (): void => void socket.end(bytes);
    const socket: Socket = tls ? connectTls(to, send) : connect(to, send);
    const stalled = setTimeout(() => {
      reject(
        new Error(`request ${number} got nothing: ${JSON.stringify(bytes.toString('latin1').slice(0, 500))}`),
      );
      socket.destroy();
    }, STALL_MS);
    socket.once('data', () => socket.destroy());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') reject(error);
    });
    socket.once('close', () => {
      clearTimeout(stalled);
      resolve();
    });
  });
}

/** The run's requests; `MALFORMED_SEED` repeats those of an earlier run, whose seed its failure names. */
const SEED = Number(process.env.MALFORMED_SEED ?? fc.readConfigureGlobal().seed);

export const sample = (requests: fc.Arbitrary<Buffer>): Buffer[] =>
  fc.sample(requests, { numRuns: MALFORMED_REQUESTS, seed: SEED });
