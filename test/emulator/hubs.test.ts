/** Several hubs in one emulator. */

import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import rhea from 'rhea';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type EmulatedHub, type Emulator, startEmulator } from '../../emulator/index';
import { receiveEvents } from '../azureSdks';
import { connected, sasToken, VERSION } from './hub';

let folder: string;
let emulator: Emulator;
let shop: EmulatedHub;
let store: EmulatedHub;
const clients: MqttClient[] = [];
const start = (): Promise<Emulator> =>
  startEmulator({
    hub: ['shop', { name: 'store.example.com', consumerGroups: ['audit'] }],
    partitions: 1,
    amqpsPort: 0,
    allowedHosts: ['gateway.example'],
    caFolder: folder,
    dataFolder: join(folder, 'data'),
  });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await start();
  [shop, store] = emulator.hubs as [EmulatedHub, EmulatedHub];
});
afterAll(async () => {
  for (const client of clients) client.end(true);
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
});

const ownerKey = (hub: EmulatedHub): string =>
  /SharedAccessKey=(.*)$/.exec(hub.connectionStrings.hub('iothubowner'))?.[1] ?? '';

interface Target {
  /** The names that the client uses; by default those of the hub. */
  host?: string;
  servername?: string;
  key?: string;
}

/** A request of a service. */
function call(hub: EmulatedHub, method: string, path: string, target: Target = {}): Promise<[number, any]> {
  const { host = hub.hostName, servername = host, key = ownerKey(hub) } = target;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        method,
        path: `${path}?${VERSION}`,
        host: '127.0.0.1',
        port: emulator.hubPort,
        ca: emulator.ca,
        servername,
        checkServerIdentity: () => undefined,
        agent: false,
        headers: {
          host,
          authorization: sasToken(hub.hostName, key, { policy: 'iothubowner' }),
          'content-type': 'application/json',
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (data: string) => (text += data));
        response.on('end', () => resolve([response.statusCode ?? 0, text && JSON.parse(text)]));
      },
    );
    outgoing.on('error', reject).end(method === 'PUT' ? '{"deviceId":"d"}' : undefined);
  });
}

async function deviceKey(hub: EmulatedHub): Promise<string> {
  const [, device] = await call(hub, 'GET', '/devices/d');
  return device.authentication.symmetricKey.primaryKey;
}

const connect = (hub: EmulatedHub, hostName: string, key: string, tls: object = {}): MqttClient => {
  const client = mqtt.connect({
    host: '127.0.0.1',
    port: emulator.mqttPort,
    protocol: 'mqtts',
    protocolVersion: 4,
    ca: emulator.ca,
    clientId: 'd',
    username: `${hostName}/d/?${VERSION}`,
    password: sasToken(`${hub.hostName}/devices/d`, key),
    reconnectPeriod: 0,
    ...tls,
  } as IClientOptions);
  clients.push(client);
  return client;
};

test('each hub has devices, keys, consumer groups and an event hub of its own', async () => {
  expect(ownerKey(shop)).not.toBe(ownerKey(store));
  expect(await call(store, 'PUT', '/devices/d')).toMatchObject([200, {}]);
  expect(await call(store, 'GET', '/devices/d')).toMatchObject([200, {}]);
  expect(await call(shop, 'GET', '/devices/d')).toMatchObject([404, {}]);
  expect(await call(store, 'GET', '/devices/d', { key: ownerKey(shop) })).toMatchObject([401, {}]);
  expect(shop).toMatchObject({
    eventHubName: 'shop',
    consumerGroups: ['$Default', 'message-feed', 'analytics'],
  });
  expect(store).toMatchObject({ eventHubName: 'store', consumerGroups: ['$Default', 'audit'] });
});

test('HTTPS selects the hub by the Host header, then by SNI', async () => {
  await call(store, 'PUT', '/devices/d');
  const bySni = { host: 'localhost', servername: store.hostName };
  expect(await call(store, 'GET', '/devices/d', bySni)).toMatchObject([200, {}]);
  expect(await call(shop, 'GET', '/devices/d', { host: 'localhost' })).toMatchObject([404, {}]);
  expect((await call(store, 'GET', '/_emulator/state'))[1]).toMatchObject({ hostName: store.hostName });
  const [status, body] = await call(shop, 'GET', '/devices/d', { host: 'other.azure-devices.localhost' });
  expect([status, body.error]).toEqual([421, expect.stringContaining('names another server')]);
});

test('MQTT selects the hub by the user name, and readers find the messages in this hub only', async () => {
  await call(store, 'PUT', '/devices/d');
  const key = await deviceKey(store);
  const device = connect(store, store.hostName, key);
  await connected(device);
  expect([shop, store].map(({ admin }) => admin.state().connections.mqtt)).toEqual([0, 1]);
  await device.publishAsync('devices/d/messages/events/', '"from the store"', { qos: 1 });
  const [event] = await receiveEvents(store.connectionStrings.eventHub('service'), 1, 'audit');
  expect(String(event?.body)).toContain('from the store');
  expect(shop.admin.state()).toMatchObject({ messages: 0, devices: 0 });
  await expect(connected(connect(store, shop.hostName, key))).rejects.toThrow('Not authorized');
  await expect(connected(connect(store, 'other.azure-devices.localhost', key))).rejects.toThrow(
    'Not authorized',
  );
});

/** The address of a hub's `$management` is accepted, or the condition with which the connection or the link ends. */
function attach(
  options: { port: number; hostname: string; servername?: string; connection_details?: unknown },
  entity: string,
): Promise<string> {
  const { servername, ...rest } = options;
  const tls =
    servername === undefined
      ? {}
      : { transport: 'tls', ca: emulator.ca, servername, checkServerIdentity: () => undefined };
  const connection = rhea.create_container().connect({
    host: '127.0.0.1',
    username: 'anonymous',
    reconnect: false,
    ...rest,
    ...tls,
  } as Parameters<ReturnType<typeof rhea.create_container>['connect']>[0]);
  return new Promise<string>((resolve) => {
    const conditionOf = (error: unknown): string => (error as { condition?: string }).condition ?? '';
    connection.on('connection_error', () => resolve(conditionOf(connection.error)));
    connection.on('disconnected', () => undefined);
    connection.on('sender_error', ({ sender }) => resolve(conditionOf(sender?.error)));
    // The emulator may close the connection after it has accepted the link.
    connection.on('sendable', () => connection.close());
    connection.on('connection_close', () => resolve('accepted'));
    connection.open_sender(entity);
  }).finally(() => connection.close());
}

test('AMQP selects the hub by SNI or by its port, and rejects the names of other hubs', async () => {
  const amqps = { port: emulator.amqpsPort ?? 0 };
  const overTls = (hub: EmulatedHub): typeof amqps & { hostname: string; servername: string } => ({
    ...amqps,
    hostname: hub.hostName,
    servername: hub.hostName,
  });
  expect(await attach(overTls(store), 'store/$management')).toBe('accepted');
  expect(await attach(overTls(store), 'shop/$management')).toBe('amqp:unauthorized-access');
  expect(await attach(overTls(shop), 'shop/$management')).toBe('accepted');
  expect(await attach({ port: store.amqpPort, hostname: '127.0.0.1' }, 'store/$management')).toBe('accepted');
  for (const hostname of ['::1', '0:0:0:0:0:0:0:1', '[::1]:5672']) {
    expect(await attach({ port: shop.amqpPort, hostname }, 'shop/$management')).toBe('accepted');
  }
  expect(await attach({ port: store.amqpPort, hostname: shop.hostName }, 'shop/$management')).toBe(
    'amqp:not-found',
  );
  expect(
    await attach({ port: shop.amqpPort, hostname: 'other.azure-devices.localhost' }, 'shop/$management'),
  ).toBe('amqp:not-found');
});

test('AMQP over WebSockets selects the hub by the Host header, then by SNI', async () => {
  const overWebSockets = (hub: EmulatedHub, host: string): Promise<string> => {
    const url = `wss://127.0.0.1:${emulator.hubPort}/$servicebus/websocket`;
    const { ca } = emulator;
    const tls = { ca, servername: hub.hostName, checkServerIdentity: () => undefined };
    const details = rhea.websocket_connect(WebSocket) as (...args: unknown[]) => unknown;
    const target = { port: emulator.hubPort, hostname: hub.hostName };
    const connection_details = details(url, ['AMQPWSB10'], { ...tls, headers: { host } });
    return attach({ ...target, connection_details }, `${hub.eventHubName}/$management`);
  };
  expect(await overWebSockets(store, store.hostName)).toBe('accepted');
  expect(await overWebSockets(store, 'localhost')).toBe('accepted');
  expect(await overWebSockets(store, shop.hostName)).not.toBe('accepted');
});

describe('the name of another server is rejected, and the address and allowed names are not:', () => {
  test.each([
    ['evil.example', false],
    ['other.azure-devices.localhost', false],
    ['localhost', true],
    ['gateway.example', true],
  ])('%s: %s', async (name, isAllowed) => {
    const bySni = { host: 'localhost', servername: name };
    await call(shop, 'PUT', '/devices/d');
    const [status, body] = await call(shop, 'GET', '/devices/d', bySni);
    expect(status).toBe(isAllowed ? 200 : 421);
    if (!isAllowed) expect(body.error).toMatch(/SNI.*--allowed-hosts/);
    const tls = { ca: emulator.ca, servername: name, checkServerIdentity: () => undefined };
    const socket = new WebSocket(`wss://127.0.0.1:${emulator.hubPort}/$iothub/websocket`, ['mqtt'], {
      ...tls,
      headers: { host: 'localhost' },
    });
    socket.on('error', () => undefined); // it is terminated before it has opened
    const opened = await new Promise((resolve) => {
      socket.on('open', () => resolve(true));
      socket.on('unexpected-response', (_, { statusCode }) => resolve(statusCode));
    });
    expect(opened).toBe(isAllowed || 421);
    socket.terminate();
    const amqps = { port: emulator.amqpsPort ?? 0, servername: name };
    const condition = isAllowed ? 'accepted' : 'amqp:not-found';
    expect(await attach({ ...amqps, hostname: shop.hostName }, 'shop/$management')).toBe(condition);
    expect(await attach({ port: shop.amqpPort, hostname: name }, 'shop/$management')).toBe(condition);
    const device = connect(shop, shop.hostName, await deviceKey(shop), tls);
    if (isAllowed) await connected(device);
    else await expect(connected(device)).rejects.toThrow('Not authorized');
    shop.admin.reset();
  });
});

test('each hub has a folder of its own, and the same keys after a restart', async () => {
  await call(store, 'PUT', '/devices/d');
  const keys = [shop, store].map(ownerKey);
  await emulator.close();
  emulator = await start();
  [shop, store] = emulator.hubs as [EmulatedHub, EmulatedHub];
  expect([shop, store].map(ownerKey)).toEqual(keys);
  expect([shop, store].map(({ admin }) => admin.state().devices)).toEqual([0, 1]);
});

test('two hubs cannot have the same name', async () => {
  await expect(startEmulator({ hub: ['shop', 'shop.example.com'], caFolder: folder })).rejects.toThrow(
    "two hubs have the name 'shop'",
  );
});
