// @module-tag full

import { readFileSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { request } from 'node:http';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { malformedBytes, malformedRequests, sample, sendAll } from '../malformedRequests';
import { call, post } from '../stack';
import { sendLargeBody } from './largeBody';
import { peakMb, residentMb, resetPeakMb, tree } from './processMemory';
import { ANY_PORT, type LaunchedCommand, launch } from './startedStack';

/**
 * Of all processes. PGlite alone once took 780 MB. Node 24 needs about a fifth more than Node 20, with which the stack
 * takes about 900 MB.
 */
const MAX_STACK_MB = Number(process.versions.node.split('.')[0]) < 24 ? 1_000 : 1_250;
/** What the readers of the streams may add to a process; without backpressure it is 600 MB. */
const MAX_GROWTH_MB = 200;
const LARGE_EVENT_BYTES = 240_000;
const LARGE_EVENTS = 40;
/** Larger than what any server here may keep of a body, and than MAX_GROWTH_MB. */
const LARGE_BODY_MB = 300;

let stack: LaunchedCommand;
let functions: string;
let shop: string;
let dashboard: string;
let products: string;

beforeAll(async () => {
  stack = launch('start', ANY_PORT);
  dashboard = await stack.printed(/^dashboard +(\S+)/m);
  functions = await stack.printed(/^ready (\S+)/m);
  shop = await stack.printed(/^demo shop +(\S+)/m);
  products = await stack.printed(/^products +(\S+)/m);
});
afterAll(async () => {
  stack.process.kill('SIGINT');
  expect(await stack.exit).toBe(0);
});

const portOf = (url: string): number => Number(new URL(url).port);
/** What the terminal shows about processes that ended. */
const deaths = (): string[] =>
  stack
    .out()
    .split('\n')
    .filter((line) => line.includes(' ended '));

async function countProducts(): Promise<number> {
  const client = new Client({ connectionString: products, connectionTimeoutMillis: 20_000 });
  // A database that is killed ends the connection, at any moment.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM products');
    return Number(rows[0]?.count);
  } finally {
    await client.end();
  }
}

async function firstView(): Promise<string> {
  const { body } = await fetch(`${dashboard}/events`);
  let read = '';
  for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    read += part;
    if (/^data: .*\n\n/m.test(read)) break;
  }
  return read;
}

const eventsShown = async (): Promise<number> =>
  Number(/"pipeline":\{"events":(\d+)/.exec(await firstView())?.[1] ?? 0);

/** The process of the stack whose command line has these words. */
function programOf(words: string): number {
  const found = tree(stack.process.pid ?? 0).find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(words),
  );
  if (found === undefined) throw new Error(`no process of the stack has ${words}`);
  return found;
}

/** With any Host header, which `fetch` does not send. */
function statusFor(url: string, path: string, headers: Record<string, string>, method = 'GET', body = '') {
  return new Promise<number>((resolve, reject) => {
    request(new URL(path, url), { method, headers: { ...headers } }, (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    })
      .on('error', reject)
      .end(body);
  });
}

describe('after malformed requests', () => {
  test('the shop serves the next valid one', async () => {
    const paths = ['/', '/cart', '/products/x', '/live', '/visitors', '/shop.js'];
    await sendAll(portOf(shop), sample(malformedRequests(`localhost:${portOf(shop)}`, paths)));
    expect((await call(shop)).status).toBe(200);
    expect(deaths()).toEqual([]);
  }, 600_000);

  test('the dashboard serves the next valid one', async () => {
    const paths = ['/', '/events', '/report/', '/report/%ff', '/dashboard.js'];
    await sendAll(portOf(dashboard), sample(malformedRequests(`localhost:${portOf(dashboard)}`, paths)));
    expect((await call(dashboard)).status).toBe(200);
    expect((await call(`${dashboard}/report/`)).text).toContain('<h1>Power BI report</h1>');
    expect(deaths()).toEqual([]);
  }, 600_000);

  test('the product database answers the next query, and its connections are logged', async () => {
    // A request for TLS, a startup message, and a query after it.
    const startup = Buffer.from('00000017000300007573657200706f7374677265730000', 'hex');
    const query = Buffer.concat([startup, Buffer.from('510000000d53454c454354203100', 'hex')]);
    const openings = [Buffer.from('0000000804d2162f', 'hex'), startup, query];
    // After an error in a Parse message, PostgreSQL skips all messages until a Sync, which does not come.
    const wrongParse = Buffer.concat([startup, Buffer.from('500000000d0053454c4543000000', 'hex')]);
    const garbage = [Buffer.alloc(200), ...sample(malformedBytes(openings)), wrongParse];
    await sendAll(portOf(products), garbage);
    expect(await countProducts()).toBeGreaterThan(0);
    await expect
      .poll(stack.out)
      .toContain(
        "the product database closed a connection: the first message does not belong to PostgreSQL's",
      );
  }, 600_000);
});

describe('the shop', () => {
  const visitor = { deviceId: `web-${'1'.repeat(36)}`, deviceKey: Buffer.alloc(32, 3).toString('base64') };

  test.each(['localhost', '127.0.0.1'])('registers a visitor and shows the feed at %s', async (name) => {
    const origin = `http://${name}:${portOf(shop)}`;
    const registered = await post(`${origin}/visitors`, visitor, { origin });
    expect(registered.status).toBe(200);
    const { deviceId, deviceKey } = registered.json as typeof visitor;
    const preflight = await fetch(`${functions}/api/messages`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    await post(`${functions}/api/messages`, {
      ...{ deviceId, deviceKey },
      deviceMessage: { event: 'browse_product' },
    });
    const live = await fetch(`${origin}/live`);
    const reader = live.body?.pipeThrough(new TextDecoderStream()).getReader();
    let read = '';
    while (!read.includes('browse_product')) read += (await reader?.read())?.value ?? '';
    await reader?.cancel();
  });

  test('rejects a body over its limit, with a Content-Length or in chunks', async () => {
    const headers = { origin: shop, host: new URL(shop).host };
    const large = 'x'.repeat(2_000);
    expect(await statusFor(shop, '/visitors', { ...headers, 'content-length': '2000' }, 'POST', large)).toBe(
      413,
    );
    expect(
      await statusFor(shop, '/visitors', { ...headers, 'transfer-encoding': 'chunked' }, 'POST', large),
    ).toBe(413);
  });
});

test.each([
  ...['evil.example', 'localhost.evil.example', '127.0.0.2', 'hubfront.azure-devices.localhost'],
  // No URL can be made of these, so a framework would respond with 400 before it knows the host.
  ...['user@localhost', 'localhost, evil.example', 'localhost:80:80', '::1'],
])('the shop and the dashboard reject requests for the host %j, streams among them', async (host) => {
  for (const [url, path] of [
    [shop, '/'],
    [shop, '/live'],
    [shop, '/shop.js'],
    [dashboard, '/'],
    [dashboard, '/events'],
    [dashboard, '/report/'],
  ] as const)
    expect(await statusFor(url, path, { host })).toBe(421);
});

describe.skipIf(process.platform !== 'linux')('memory', () => {
  test(`of all processes together is at most ${MAX_STACK_MB} MB`, () => {
    const used = tree(stack.process.pid ?? 0).map(residentMb);
    expect(used.reduce((sum, mb) => sum + mb, 0)).toBeLessThan(MAX_STACK_MB);
  });

  test('stays flat when streams are open that nobody reads', async () => {
    const device = { deviceId: 'large-1', deviceKey: Buffer.alloc(32, 4).toString('base64') };
    await post(`${functions}/api/devices`, device, { 'x-functions-key': 'hubfront-web' });
    const readers: Socket[] = [shop, dashboard].flatMap((url) =>
      Array.from({ length: 5 }, () => {
        const socket = connect(portOf(url), '127.0.0.1').on('error', () => undefined);
        socket.pause();
        const path = url === shop ? '/live' : '/events';
        socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        return socket;
      }),
    );
    const pids = [stack.process.pid ?? 0, programOf('launch.mjs dashboard')];
    const event_value = 'x'.repeat(LARGE_EVENT_BYTES);
    /** Returns when the newest view has all events: what the slow readers did not take has had its time. */
    const sendLargeEvents = async (count: number) => {
      const expected = (await eventsShown()) + count;
      for (let i = 0; i < count; i += 1) {
        const deviceMessage = { event: 'browse_product', product_id: 162, event_value };
        expect((await post(`${functions}/api/messages`, { ...device, deviceMessage })).status).toBe(201);
      }
      await expect.poll(eventsShown).toBeGreaterThanOrEqual(expected);
    };
    // What a process takes for its first large events stays with it.
    await sendLargeEvents(LARGE_EVENTS / 4);
    const before = pids.map(residentMb);
    await sendLargeEvents(LARGE_EVENTS);
    const after = pids.map(residentMb);
    for (const socket of readers) socket.destroy();
    for (const [i, mb] of after.entries()) expect(mb - (before[i] ?? 0)).toBeLessThan(MAX_GROWTH_MB);
    expect(deaths()).toEqual([]);
  });

  test('stays flat when large bodies arrive, in chunks or with a length', async () => {
    const targets = [
      [shop, '/visitors', `Origin: ${shop}`],
      [shop, '/', ''],
      [dashboard, '/events', ''],
      [functions, '/api/messages', 'Content-Type: application/json'],
      [functions, '/admin/functions/x', 'Content-Type: application/json\r\nx-functions-key: hubfront-local'],
    ] as const;
    const pids = [stack.process.pid ?? 0, programOf('worker.cjs'), programOf('launch.mjs dashboard')];
    const before = pids.map(resetPeakMb);
    for (const [url, path, header] of targets)
      for (const isChunked of [false, true])
        await sendLargeBody(portOf(url), `POST ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${header}`, {
          bytes: LARGE_BODY_MB * 1_000_000,
          isChunked,
        });
    for (const [i, pid] of pids.entries()) expect(peakMb(pid) - (before[i] ?? 0)).toBeLessThan(MAX_GROWTH_MB);
    expect(deaths()).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')(
  'when a process is killed, the terminal says what is lost, and',
  () => {
    const kill = async (name: string, message: RegExp): Promise<void> => {
      const before = stack.out().length;
      process.kill(programOf(name), 'SIGKILL');
      await expect.poll(() => stack.out().slice(before)).toMatch(message);
    };

    test('the dashboard is there again, with the rows that it had', async () => {
      // The job may still add rows of events that came before.
      const rowCount = async () => Number(/"rows":(\d+)/.exec(await firstView())?.[1]);
      const before = await rowCount();
      await kill('launch.mjs dashboard', /^The dashboard ended \(SIGKILL\)\. .*no event is lost\.$/m);
      await stack.printed(/^(The dashboard is running again)$/m);
      expect(await rowCount()).toBeGreaterThanOrEqual(before);
    });

    test('the product database is there again, with the first products, and clients wait for it', async () => {
      await kill(
        'products:database',
        /^The product database ended \(SIGKILL\)\. Changes to its products are lost\./m,
      );
      expect(await countProducts()).toBeGreaterThan(0);
      await stack.printed(/^(The product database is running again)$/m);
    });

    test('Blob storage is there again, and a new snapshot is in it', async () => {
      const snapshots = () => stack.out().split('Product snapshot: ').length;
      const before = snapshots();
      await kill(
        'products:storage',
        /^Blob storage ended \(SIGKILL\)\. The product snapshots in it are lost\./m,
      );
      await expect.poll(snapshots).toBeGreaterThan(before);
    });

    test('the functions run again', async () => {
      await kill(
        'worker.cjs',
        /^The worker process ended \(SIGKILL\)\. Running functions that failed: \d+$/m,
      );
      await expect.poll(async () => (await call(`${functions}/api/messages?action=ping`)).status).toBe(200);
    });
  },
);
