import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { FunctionsHost, ServedRequest } from '../../local/functionsHost';
import { call } from '../stack';
import { type HostApp, startHostApp } from './hostApp';

const KEY = 'host-test-key';
let running: HostApp;
let host: FunctionsHost;
let logged: readonly string[];

async function startApp(source: string, settings: Record<string, string> = {}): Promise<string> {
  running = await startHostApp(source, {
    settings: () => settings,
    functionKeys: { master: KEY, host: { all: 'host-key' }, functions: { locked: { web: 'web-key' } } },
  });
  ({ host, logged } = running);
  return running.url;
}

afterEach(() => running.close());

describe('the dev host, as the real one,', () => {
  test('passes method, query, parameters, headers and body to a function, and sends its response', async () => {
    const url =
      await startApp(`app.http('echo', { route: 'echo/{id}/{rest?}', methods: ['POST'], handler: async (request) => ({
      status: 202, headers: { 'X-Seen': request.headers.get('x-sent') }, cookies: [{ name: 'c', value: '1' }],
      jsonBody: { method: request.method, params: request.params, q: request.query.get('q'), body: await request.text() } }) });`);
    const answer = await call(`${url}/echo/a%20b?q=1`, {
      method: 'POST',
      body: 'hello',
      headers: { 'x-sent': 'yes' },
    });
    expect(answer.status).toBe(202);
    expect(answer.json).toEqual({ method: 'POST', params: { id: 'a b' }, q: '1', body: 'hello' });
    expect([answer.headers.get('x-seen'), answer.headers.get('set-cookie')]).toEqual(['yes', 'c=1; path=/']);
  });

  test('passes an empty body to a function if the request is chunked', async () => {
    const url = await startApp(`app.http('echo', { methods: ['POST'], handler: async (request) => ({
      jsonBody: { length: request.headers.get('content-length'), body: await request.text() } }) });`);
    const body = new Blob(['hello']).stream(); // of unknown length: fetch sends it in chunks
    const answer = await call(`${url}/echo`, { method: 'POST', body, duplex: 'half' });
    expect([answer.status, answer.json]).toEqual([200, { length: null, body: '' }]);
    expect((await call(`${url}/echo`, { method: 'POST', body: 'hello' })).json).toMatchObject({
      body: 'hello',
    });
  });

  test('sends complete bodies of any size, also concurrently', async () => {
    const url = await startApp(`app.http('fill', { route: 'fill/{bytes}/{letter}', methods: ['GET'],
      handler: ({ params }) => ({ body: Buffer.alloc(Number(params.bytes), params.letter) }) });`);
    const sizes = [5_000_000, 0, 65_536, 65_537, 1, 300_000, 2_000_000, 65_535, 100_000];
    const asked = sizes.map((bytes, i) => ({ bytes, letter: String.fromCharCode(97 + i) }));
    const answers = await Promise.all(
      asked.map(({ bytes, letter }) => call(`${url}/fill/${bytes}/${letter}`)),
    );
    asked.forEach(({ bytes, letter }, i) => {
      const text = answers[i]?.text ?? '';
      expect([text.length, text === letter.repeat(bytes)]).toEqual([bytes, true]);
    });
  });

  test('ends a response whose worker dies while it is being sent, and serves the next request', async () => {
    const url =
      await startApp(`app.http('large', { handler: () => ({ body: Buffer.alloc(100_000_000, 'x') }) });
      app.http('small', { handler: () => ({ body: 'x' }) });`);
    const { body } = await fetch(`${url}/large`);
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    process.kill(host.workerPid() ?? 0, 'SIGKILL');
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow('terminated');
    expect((await call(`${url}/small`)).text).toBe('x');
  });

  test('returns 404 for paths and methods that no function declares, including HEAD and OPTIONS', async () => {
    const url = await startApp(`app.http('one', { methods: ['GET'], handler: () => ({ body: 'x' }) });`);
    for (const [method, path] of [
      ['POST', 'one'],
      ['HEAD', 'one'],
      ['OPTIONS', 'one'],
      ['GET', 'two'],
    ] as const) {
      const { status, text } = await call(`${url}/${path}`, { method });
      expect([method, status, text]).toEqual([method, 404, '']);
    }
  });

  test('accepts a key in the header or the query, and prefers the header', async () => {
    const url = await startApp(
      `app.http('locked', { authLevel: 'function', handler: () => ({ body: 'in' }) });`,
    );
    const status = async (query: string, header?: string) =>
      (
        await call(`${url}/locked${query}`, {
          headers: header === undefined ? {} : { 'x-functions-key': header },
        })
      ).status;
    expect(await status('', 'web-key')).toBe(200);
    expect(await status('?code=web-key')).toBe(200);
    expect(await status('?code=web-key', 'wrong')).toBe(401);
    expect(await status('')).toBe(401);
  });

  test('returns 500 if a function throws, and 204 if it returns nothing', async () => {
    const url = await startApp(`
      app.http('throws', { handler: () => { throw new Error('broken'); } });
      app.http('nothing', { handler: () => undefined });`);
    const thrown = await call(`${url}/throws`);
    expect([thrown.status, thrown.text]).toEqual([500, '']);
    expect(logged.join('\n')).toContain('broken');
    expect((await call(`${url}/nothing`)).status).toBe(204);
  });

  test('restarts a dead worker twice, and gives up at the third failure', async () => {
    const url = await startApp(`
      app.http('die', { handler: () => { setTimeout(() => Promise.reject(new Error('unhandled')), 0); return new Promise(() => {}); } });
      app.http('live', { handler: () => ({ body: String(process.pid) }) });`);
    const pids = new Set<string>();
    for (let death = 1; death <= 2; death += 1) {
      expect((await call(`${url}/die`)).status).toBe(500);
      pids.add((await call(`${url}/live`)).text);
    }
    expect(pids.size).toBe(2);
    await call(`${url}/die`);
    expect(await host.gaveUp).toContain('Exceeded language worker restart retry count');
  });

  test('runs a timer by its schedule and on demand, and a disabled one only on demand', async () => {
    await startApp(
      `app.timer('tick', { schedule: '%EACH_SECOND%', handler: (timer, context) => context.log('tick', timer.isPastDue) });
       app.timer('off', { schedule: '* * * * * *', handler: (timer, context) => context.log('off ran') });`,
      { EACH_SECOND: '* * * * * *', 'AzureWebJobs.off.Disabled': 'true' },
    );
    await expect.poll(() => logged.some((line) => line.includes('tick false'))).toBe(true);
    const onDemand = (name: string, key: string) =>
      fetch(`${host.url}/admin/functions/${name}`, {
        method: 'POST',
        headers: { 'x-functions-key': key, 'content-type': 'application/json' },
        body: '{}',
      });
    expect((await onDemand('tick', KEY)).status).toBe(202);
    expect((await onDemand('tick', 'web-key')).status).toBe(401);
    expect(logged.join('\n')).not.toContain('off ran');
    expect((await onDemand('off', KEY)).status).toBe(202);
    await expect.poll(() => logged.join('\n')).toContain('off ran');
    expect((await onDemand('none', KEY)).status).toBe(404);
  });

  test('reports each completed request, without its query', async () => {
    const served: ServedRequest[] = [];
    running = await startHostApp(
      `app.http('wait', { route: 'wait/{rest?}', handler: async (_, context) => { context.log('wait runs'); return new Promise(() => {}); } });
       app.http('greet', { route: 'greet/{rest?}', handler: async () => ({ status: 202 }) });`,
      { onServed: (request) => served.push(request) },
    );
    const { port } = running.host;
    const send = async (target: string): Promise<void> => {
      const before = served.length;
      const socket = connect(port, '127.0.0.1');
      socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`);
      socket.on('error', () => undefined).resume();
      if (target.includes('wait')) {
        await expect.poll(() => running.logged.join('\n')).toContain('wait runs');
        socket.destroy();
      }
      await expect.poll(() => served.length).toBe(before + 1);
    };
    await send('/api/greet?code=secret');
    await send(`http://secret:secret@localhost:${port}/api/greet?secret`);
    await send('/api/greet/x%3Fcode=secret');
    await send('/api/none/%1b[31m');
    await send(`/api/none/${'x'.repeat(1_000)}`);
    await send('/api/wait?secret');
    expect(served.map(({ method, path, status }) => [method, path, status])).toEqual([
      ['GET', '/api/greet', 202],
      ['GET', '/api/greet', 202],
      ['GET', '/api/greet/x', 202],
      ['GET', '/api/none/%1b[31m', 404],
      ['GET', `/api/none/${'x'.repeat(190)}…`, 404],
      ['GET', '/api/wait', undefined],
    ]);
    for (const { ms } of served) expect(ms).toBeGreaterThan(0);
  });

  test('lists the parts of the stack at /, with escaped names', async () => {
    running = await startHostApp(
      `app.http('open', { route: 'a/{b?}', handler: () => ({}) });
       app.http('locked', { authLevel: 'function', methods: ['PUT'], handler: () => ({}) });`,
      {
        links: [
          { name: '<Shop>', url: 'http://localhost:3000' },
          { name: 'AMQP', url: 'amqp://127.0.0.1:5672' },
        ],
      },
    );
    const { status, text } = await call(running.host.url);
    expect(status).toBe(200);
    for (const part of [
      'The functions are running',
      `${running.host.url}/api/a/{b?}`,
      'with a function key',
      '&lt;Shop&gt;',
      '<a href="http://localhost:3000">',
      '<code>amqp://127.0.0.1:5672</code>',
    ]) {
      expect(text).toContain(part);
    }
  });

  test('names a route template that it cannot serve', async () => {
    const url = await startApp(`app.http('one', { route: 'x/{id:regex(^a$)}', handler: () => ({}) });`);
    expect((await call(`${url}/x/a`)).status).toBe(503);
    expect(logged.join('\n')).toContain('x/{id:regex(^a$)} of one uses');
  });

  test('logs why an app cannot be loaded, and returns 503', async () => {
    const url = await startApp(`throw new Error('no such module');`);
    expect(logged.join('\n')).toContain('no such module');
    const { status, text } = await call(`${url}/any`);
    expect([status, text]).toEqual([503, 'Function host is not running.']);
    const page = await call(running.host.url);
    expect([page.status, page.text.includes('The functions are not running')]).toEqual([503, true]);
  });
});
