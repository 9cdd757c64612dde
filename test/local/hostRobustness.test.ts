import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { malformedRequests, sample, sendAll } from '../malformedRequests';
import { call } from '../stack';
import { type HostApp, startHostApp } from './hostApp';
import { exchange } from './realHost/exchange';

let running: HostApp;
afterEach(() => running.close());

const ECHO = `app.http('echo', { methods: ['GET', 'POST'], handler: async (request, context) => {
  context.log('echo runs');
  return { body: String((await request.arrayBuffer()).byteLength) }; } });`;
/** Less than the 5 s for which the host reads on where a body can end. */
const ENDS_WITHIN_MS = 4_000;
const LIMIT = { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '100000' };

describe('after malformed requests', () => {
  test('the dev host serves the next valid one', { tags: 'full' }, async () => {
    running = await startHostApp(ECHO);
    const { port, url } = running.host;
    const paths = [
      '/api/echo',
      '/api/none',
      '/admin/functions/echo',
      '/admin/host/ping',
      '/',
      '/api/echo?code=x',
    ];
    await sendAll(port, sample(malformedRequests(`127.0.0.1:${port}`, paths)));
    expect((await call(`${url}/api/echo`, { method: 'POST', body: 'hello' })).text).toBe('5');
    expect((await call(url)).status).toBe(200);
    expect(running.logged.filter((line) => line.includes('The host failed'))).toEqual([]);
  });
});

describe('a request', () => {
  test('whose head never ends keeps no other from being served', async () => {
    running = await startHostApp(ECHO);
    const sockets = Array.from({ length: 200 }, () => connect(running.host.port, '127.0.0.1'));
    await Promise.all(
      sockets.map(
        (socket) =>
          new Promise((resolve) =>
            socket.on('error', () => undefined).write('POST /api/echo HTTP/1.1\r\nHost: l', resolve),
          ),
      ),
    );
    expect((await call(`${running.url}/echo`, { method: 'POST', body: 'hello' })).text).toBe('5');
    for (const socket of sockets) socket.destroy();
  });

  test.each(['gzip', 'identity', 'chunked, gzip', 'chunked\r\nTransfer-Encoding: gzip'])(
    'whose body has no end, with the transfer coding %j, gets 400, and its connection ends',
    async (coding) => {
      running = await startHostApp(ECHO);
      const socket = connect({ port: running.host.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.write(`POST /api/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: ${coding}\r\n\r\nhello`);
      const limit = setTimeout(() => socket.destroy(new Error('it is still open')), ENDS_WITHIN_MS);
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 [^]*\r\nConnection: close\r\n/);
      clearTimeout(limit);
      socket.destroy();
    },
  );

  test('over the body limit gets 500 before its body is there, and the function does not run', async () => {
    running = await startHostApp(ECHO, { settings: () => LIMIT });
    const head = (bytes: number) =>
      `POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`;
    // A host that waited for the rest would respond only after minutes, because this part keeps the minimum rate.
    const over = await exchange(running.host.port, head(100_001) + 'x'.repeat(90_000));
    expect([over.status, over.headers.connection, over.body]).toEqual([500, 'close', '']);
    expect(running.logged).toEqual([]);
    const within = await exchange(running.host.port, head(100_000) + 'x'.repeat(100_000));
    expect([within.status, within.body]).toEqual([200, '100000']);
  });

  test('over the body limit in chunks, for an admin endpoint, gets 500 before its body is there', async () => {
    running = await startHostApp(ECHO, { settings: () => LIMIT, functionKeys: { master: 'm' } });
    const head = [
      'POST /admin/functions/echo HTTP/1.1',
      ...['Host: localhost', 'x-functions-key: m', 'Content-Type: application/json'],
      ...['Transfer-Encoding: chunked', '', ''],
    ].join('\r\n');
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const half = chunk(' '.repeat(50_000));
    const over = await exchange(running.host.port, head + half + half + chunk(' '));
    expect([over.status, over.headers.connection]).toEqual([500, 'close']);
    const within = await exchange(running.host.port, `${head}${half}${chunk('{}'.padEnd(50_000))}0\r\n\r\n`);
    expect(within.status).toBe(202);
  });

  test('over the body limit that sends all of its body still reads the response', async () => {
    running = await startHostApp(ECHO, { settings: () => LIMIT });
    const { status, text } = await call(`${running.url}/echo`, {
      method: 'POST',
      body: Buffer.alloc(5_000_000),
    });
    expect([status, text]).toEqual([500, '']);
  });

  test('whose client goes away in the middle of its body runs no function', async () => {
    running = await startHostApp(ECHO);
    const { port } = running.host;
    const { status } = await exchange(
      port,
      'POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx',
      true,
    );
    expect(status).toBe(0);
    expect((await call(`${running.url}/echo`)).status).toBe(200);
    expect(running.logged).toEqual(['[echo] information: echo runs']);
  });

  test('whose body stalls gets 500 within seconds, one whose head stalls 408', { tags: 'full' }, async () => {
    running = await startHostApp(ECHO);
    const { port } = running.host;
    const [body, head] = await Promise.all([
      exchange(
        port,
        'POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\nx',
        false,
        15_000,
      ),
      exchange(port, 'POST /api/echo HTTP/1.1\r\nHost: l', false, 60_000),
    ]);
    expect([body.status, head.status]).toEqual([500, 408]);
  });

  test(
    'with a large body is one of many, which together do not exhaust the memory',
    { tags: 'full' },
    async () => {
      running = await startHostApp(ECHO);
      const before = process.memoryUsage.rss();
      const bytes = 60_000_000;
      const results = await Promise.all(
        Array.from({ length: 12 }, () =>
          call(`${running.url}/echo`, { method: 'POST', body: Buffer.alloc(bytes) }),
        ),
      );
      const statuses = new Set(results.map(({ status }) => status));
      expect([...statuses].every((status) => status === 200 || status === 503)).toBe(true);
      expect(process.memoryUsage.rss() - before).toBeLessThan(1.5e9);
      expect((await call(`${running.url}/echo`, { method: 'POST', body: 'hello' })).text).toBe('5');
    },
  );
});

describe('what the app prints', () => {
  const PRINTS = `
    console.log('line', 0, ['line'], { a: { b: { c: { d: 1 } } } });
    console.error('%s is %d %j', 'it', 5, { x: 1 }, 'and more');
    console.warn(undefined, null, Symbol('s'), 10n, new Map([[1, 2]]));
    console.info('two\\nlines');
    console.debug('');
    console.log();
    console.table([{ a: 1 }]);
    process.stdout.write('no line end');`;

  test('is logged line by line as Node prints it', async () => {
    running = await startHostApp(`app.http('print', { handler: () => { ${PRINTS} return {}; } });`);
    await call(`${running.url}/print`);
    await running.host.close();
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-e', PRINTS]);
    const printed = [...stdout.split('\n'), ...stderr.split('\n').slice(0, -1)];
    expect([...running.logged].sort()).toEqual(printed.sort());
  });

  test('is logged in pieces where it has no line ends', async () => {
    running = await startHostApp(
      `app.http('print', { handler: () => { process.stdout.write('x'.repeat(300_000)); return {}; } });`,
    );
    await call(`${running.url}/print`);
    await running.host.close();
    expect(running.logged.length).toBeGreaterThan(1);
    expect(running.logged.join('')).toBe('x'.repeat(300_000));
  });
});
