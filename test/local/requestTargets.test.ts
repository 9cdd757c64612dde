import { type Socket, connect } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/index';
import { startDashboardServer } from '../../local/dashboard/server';
import { startShop } from '../../local/shop';
import { type WebServer } from '../../local/webServer';
import { type HostApp, startHostApp } from './hostApp';

const SERVERS = ['shop', 'dashboard', 'dev host', 'emulator'] as const;
type Server = (typeof SERVERS)[number];

let shop: Awaited<ReturnType<typeof startShop>>;
let dashboard: WebServer;
let hostApp: HostApp;
let emulator: Emulator;
let caFolder: string;

beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  shop = await startShop({ port: 0, keys: { registration: 'a', feed: 'b' } });
  dashboard = await startDashboardServer({
    port: 0,
    shopUrl: '',
    view: () => Promise.reject(new Error('nobody looks')),
  });
  hostApp = await startHostApp('');
  emulator = await startEmulator({ partitions: 1, caFolder });
});
afterAll(async () => {
  await Promise.all([shop.close(), dashboard.close(), hostApp.close(), emulator.close()]);
  await rm(caFolder, { recursive: true, force: true });
});

function open(server: Server): Socket {
  const host = '127.0.0.1';
  if (server === 'emulator') return connectTls({ host, port: emulator.hubPort, ca: emulator.ca });
  const ports = { shop: Number(new URL(shop.origin).port), dashboard: dashboard.port };
  return connect({ host, port: server === 'dev host' ? hostApp.host.port : ports[server] });
}

/** Sends a request as it stands; the status of the response, after which the server closes the connection. */
async function statusOf(server: Server, target: string, ...headers: string[]): Promise<number> {
  const socket = open(server);
  socket.write([`GET ${target} HTTP/1.1`, 'Connection: close', ...headers, '', ''].join('\r\n'));
  const [, status] = /^HTTP\/1\.1 (\d+) /.exec(await text(socket)) ?? [];
  return Number(status);
}

const pathOf = (server: Server): string => (server === 'emulator' ? '/_emulator/state' : '/');

describe.each(SERVERS)('the %s', (server) => {
  test.each([
    ['http://evil.example', 'localhost', [400, 421]],
    ['https://evil.example:1', 'localhost:1', [400, 421]],
    ['HTTP://evil.example', 'localhost', [400, 421]],
    ['http://localhost@evil.example', 'localhost', [400, 421]],
    ['http://localhost', 'evil.example', [400, 421]],
    ['http://127.0.0.1', 'localhost', [400]],
    ['http://localhost:7071', 'localhost:7071', [200]],
    ['', 'localhost', [200]],
  ])(
    'responds to a target in the form %s/ for the host %s with one of %j',
    async (origin, host, expected) => {
      expect(expected).toContain(await statusOf(server, `${origin}${pathOf(server)}`, `Host: ${host}`));
    },
  );

  test.each([
    ['Host: localhost', 'Host: localhost'],
    ['Host: localhost', 'hOST: evil.example'],
    ['Host: evil.example', 'X-Other: 1', 'Host: localhost'],
    [],
  ])('responds to the headers %j %j with 400: it takes one Host', async (...headers) => {
    expect(await statusOf(server, pathOf(server), ...headers)).toBe(400);
  });
});

test('the emulator opens no WebSocket for a target or a second Host that names another server', async () => {
  const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Protocol: AMQPWSB10'];
  const path = '/$servicebus/websocket/';
  expect(await statusOf('emulator', `http://evil.example${path}`, 'Host: localhost', ...upgrade)).toBe(421);
  expect(await statusOf('emulator', path, 'Host: localhost', 'Host: evil.example', ...upgrade)).toBe(400);
});
