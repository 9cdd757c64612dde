import { X509Certificate } from 'node:crypto';
import mqtt, { type IClientOptions } from 'mqtt';
import { generate as generateCertificate } from 'selfsigned';
import type { IConnectPacket, Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closed, connected, sasToken, startHub, VERSION, type TestHub } from './hub';
import { connectPacket, RawClient } from './rawMqttClient';

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());

const messagesOf = (deviceId: string) =>
  hub.emulator.admin.messages({ limit: 1_000 }).filter((message) => message.deviceId === deviceId);
const identity = async (deviceId: string) => (await hub.call('GET', `/devices/${deviceId}`)).json;
const eventsOf = (deviceId: string) => `devices/${deviceId}/messages/events/`;

async function rawDevice(deviceId: string, fields: Partial<IConnectPacket> = {}): Promise<RawClient> {
  const client = await RawClient.open(hub);
  client.send(connectPacket(hub.emulator, deviceId, await hub.register(deviceId), fields));
  return client;
}

describe('telemetry over MQTT', () => {
  test('is acknowledged at QoS 1 and stored with its properties', async () => {
    const client = await hub.connect('t-1');
    const bag =
      '$.mid=m%2F1&$.cid=c&$.ct=application%2Fjson&$.ce=utf-8&$.ctime=2026-01-02T03%3A04%3A05Z&$.to=x&Level=h%20i&empty=&bare';
    await client.publishAsync(eventsOf('t-1') + bag, '{"t":21}', { qos: 1 });
    expect(messagesOf('t-1')).toMatchObject([
      {
        deviceId: 't-1',
        messageId: 'm/1',
        correlationId: 'c',
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        body: '{"t":21}',
        properties: { Level: 'h i', empty: '', bare: '', 'iothub-creation-time-utc': '2026-01-02T03:04:05Z' },
      },
    ]);
    expect((await identity('t-1')).lastActivityTime).not.toMatch(/^0001/);
  });

  test('is stored at QoS 0, without the slash of the property bag, and with RETAIN as a property', async () => {
    const client = await hub.connect('t-2');
    await client.publishAsync('devices/t-2/messages/events', 'a', { qos: 0 });
    await client.publishAsync(eventsOf('t-2'), 'b', { qos: 1, retain: true });
    expect(messagesOf('t-2')).toMatchObject([
      { body: 'a', properties: {} },
      { body: 'b', properties: { 'mqtt-retain': 'true' } },
    ]);
  });

  test('of an encoded device id is stored under the id', async () => {
    const client = await hub.connect("d:1'(%)");
    await client.publishAsync(eventsOf(encodeURIComponent("d:1'(%)")), 'a', { qos: 1 });
    expect(messagesOf("d:1'(%)")).toHaveLength(1);
  });

  test('is held back, lost or stored by the faults of HTTPS telemetry', async () => {
    const client = await hub.connect('t-3');
    const { admin } = hub.emulator;
    admin.armFault({ kind: 'slow', target: 'telemetry', delayMs: 20, times: 1, filter: { deviceId: 't-3' } });
    await client.publishAsync(eventsOf('t-3'), 'slow', { qos: 1 });
    admin.armFault({ kind: 'resetAfter', target: 'telemetry', times: 1, filter: { method: 'PUBLISH' } });
    const lost = closed(client);
    client.publish(eventsOf('t-3'), 'stored', { qos: 1 });
    await lost;
    expect(messagesOf('t-3').map(({ body }) => body)).toEqual(['slow', 'stored']);

    const again = await hub.connect('t-4');
    admin.armFault({ kind: 'throttle', target: 'telemetry', times: 1 });
    const ended = closed(again);
    again.publish(eventsOf('t-4'), 'lost', { qos: 1 });
    await ended;
    expect(messagesOf('t-4')).toEqual([]);
  });
});

describe('a device that connects over MQTT', () => {
  test.each<[string, IClientOptions]>([
    ['with another key', { password: sasToken('x', Buffer.alloc(32).toString('base64')) }],
    ['without a password', { password: undefined } as never],
    ['with another client id', { clientId: 'somebody' }],
    ['to another hub', { username: `other.azure-devices.net/refused/?${VERSION}` }],
    [
      'with an unknown API version',
      { username: 'hubfront.azure-devices.localhost/refused/?api-version=2020' },
    ],
    ['without a user name', { username: undefined, password: undefined } as never],
  ])('%s is not authorized', async (_, options) => {
    const key = await hub.register('refused');
    const client = mqtt.connect(hub.mqttOptions('refused', key, options));
    await expect(connected(client)).rejects.toMatchObject({ code: 5 });
    client.end(true);
    await hub.call('DELETE', '/devices/refused');
  });

  test('with an expired token or as a disabled device is not authorized', async () => {
    const key = await hub.register('off', { status: 'disabled' });
    const refused = mqtt.connect(hub.mqttOptions('off', key));
    await expect(connected(refused)).rejects.toMatchObject({ code: 5 });
    const live = await hub.register('late');
    const password = sasToken(`${hub.emulator.hostName}/devices/late`, live, { expiry: 1_000_000_000 });
    const late = mqtt.connect(hub.mqttOptions('late', live, { password }));
    await expect(connected(late)).rejects.toMatchObject({ code: 5 });
  });

  test('with MQTT 5 learns that the version is not acceptable', async () => {
    const client = await rawDevice('v5', { protocolVersion: 5 });
    expect(await client.untilClosed()).toMatchObject([{ cmd: 'connack', returnCode: 1 }]);
  });

  test('over WebSockets sends as well', async () => {
    const client = await hub.connect('ws', {
      protocol: 'wss',
      port: hub.emulator.hubPort,
      path: '/$iothub/websocket',
    });
    await client.publishAsync(eventsOf('ws'), 'a', { qos: 1 });
    expect(messagesOf('ws')).toHaveLength(1);
  });

  test('with a self-signed certificate sends, and is refused with another one', async () => {
    const [own, other] = await Promise.all([
      generateCertificate([{ name: 'commonName', value: 'own' }]),
      generateCertificate([{ name: 'commonName', value: 'other' }]),
    ]);
    const x509Thumbprint = { primaryThumbprint: new X509Certificate(own.cert).fingerprint };
    await hub.register('x509', { authentication: { type: 'selfSigned', x509Thumbprint } });
    const withCertificate = ({ cert, private: key }: { cert: string; private: string }) => {
      const options = hub.mqttOptions('x509', '', { cert, key });
      delete options.password;
      return mqtt.connect(options);
    };
    const client = withCertificate(own);
    await client.publishAsync(eventsOf('x509'), 'a', { qos: 1 });
    client.end(true);
    expect(messagesOf('x509')).toHaveLength(1);
    await expect(connected(withCertificate(other))).rejects.toMatchObject({ code: 5 });
  });

  test('twice loses its first connection', async () => {
    const first = await hub.connect('twice');
    const replaced = closed(first);
    const second = mqtt.connect(
      hub.mqttOptions('twice', (await identity('twice')).authentication.symmetricKey.primaryKey),
    );
    await connected(second);
    await replaced;
    await second.publishAsync(eventsOf('twice'), 'a', { qos: 1 });
    expect((await identity('twice')).connectionState).toBe('Connected');
    await second.endAsync();
    await expect.poll(async () => (await identity('twice')).connectionState).toBe('Disconnected');
  });

  test.each<[string, () => Promise<unknown>]>([
    [
      'is disabled',
      () =>
        hub.call('PUT', '/devices/dropped', { deviceId: 'dropped', status: 'disabled' }, { 'if-match': '*' }),
    ],
    ['is deleted', () => hub.call('DELETE', '/devices/dropped')],
    [
      'is dropped by a fault',
      () => Promise.resolve(hub.emulator.admin.armFault({ kind: 'dropDevices', deviceId: 'dropped' })),
    ],
  ])('loses its connection when it %s', async (_, drop) => {
    const client = await hub.connect('dropped');
    const lost = closed(client);
    await drop();
    await lost;
    await hub.call('DELETE', '/devices/dropped');
  });

  test('keeps its subscriptions with CleanSession 0', async () => {
    const connack = async (clean: boolean) => {
      const client = await RawClient.open(hub);
      client.send(connectPacket(hub.emulator, 'session', key, { clean }));
      const packet = await client.packet('connack');
      client.send({ cmd: 'disconnect' });
      await client.untilClosed();
      return packet;
    };
    const key = await hub.register('session');
    expect(await connack(false)).toMatchObject({ returnCode: 0, sessionPresent: false });
    expect(await connack(false)).toMatchObject({ sessionPresent: true });
    expect(await connack(true)).toMatchObject({ sessionPresent: false });
    expect(await connack(false)).toMatchObject({ sessionPresent: false });
  });
});

describe('a will message', () => {
  const will = { topic: `${eventsOf('will')}Level=low`, payload: Buffer.from('gone'), qos: 1 as const };

  test('is sent when the connection breaks, and not after a DISCONNECT', async () => {
    const polite = await rawDevice('will', { will });
    await polite.packet('connack');
    polite.send({ cmd: 'disconnect' });
    await polite.untilClosed();
    const key = (await identity('will')).authentication.symmetricKey.primaryKey;
    const broken = await RawClient.open(hub);
    broken.send(connectPacket(hub.emulator, 'will', key, { will }));
    await broken.packet('connack');
    broken.socket.destroy();
    await expect.poll(() => messagesOf('will').length).toBe(1);
    expect(messagesOf('will')).toMatchObject([
      { body: 'gone', properties: { Level: 'low', 'iothub-MessageType': 'Will' } },
    ]);
  });

  test('of another topic closes the connection', async () => {
    const client = await rawDevice('w-2', { will: { ...will, topic: 'lights/off' } });
    expect(await client.untilClosed()).toEqual([]);
  });
});

describe('the hub closes the connection of a client', () => {
  const publish = (topic: string, payload: string | Buffer = 'a') =>
    ({ cmd: 'publish', topic, payload, qos: 1, messageId: 7, dup: false, retain: false }) as const;
  const subscribe = (...topics: string[]) =>
    ({
      cmd: 'subscribe',
      messageId: 8,
      subscriptions: topics.map((topic) => ({ topic, qos: 1 as const })),
    }) as const;

  test.each<[string, Packet]>([
    ['publishes at QoS 2', { ...publish(eventsOf('bad')), qos: 2 }],
    ['publishes to a topic of its own', publish('sensors/1')],
    ["publishes to another device's topic", publish(eventsOf('other'))],
    ['sends a malformed property bag', publish(`${eventsOf('bad')}a=%zz`)],
    ['sends a creation time that is none', publish(`${eventsOf('bad')}$.ctime=yesterday`)],
    ['sends more than 256 KB', publish(eventsOf('bad'), Buffer.alloc(256 * 1024 + 1))],
    ['announces a larger packet', publish(eventsOf('bad'), Buffer.alloc(400 * 1024))],
    ['subscribes to a topic of its own', subscribe('#')],
    ["subscribes to another device's messages", subscribe('devices/other/messages/devicebound/#')],
    [
      'subscribes to a sixth topic',
      subscribe(...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `$iothub/methods/POST/${name}/#`)),
    ],
    ['connects a second time', { cmd: 'connect', clientId: 'bad', protocolId: 'MQTT', protocolVersion: 4 }],
    ['sends what only servers send', { cmd: 'pingresp' }],
  ])('that %s', async (_, packet) => {
    const client = await rawDevice('bad');
    await client.packet('connack');
    client.send(packet);
    expect((await client.untilClosed()).map(({ cmd }) => cmd)).toEqual(['connack']);
    expect(messagesOf('bad')).toEqual([]);
    await hub.call('DELETE', '/devices/bad');
  });

  test('that sends something before CONNECT, or no MQTT', async () => {
    const early = await RawClient.open(hub);
    early.send(publish(eventsOf('early')));
    expect(await early.untilClosed()).toEqual([]);
    const foreign = await RawClient.open(hub);
    foreign.socket.write('GET / HTTP/1.1\r\n\r\n');
    expect(await foreign.untilClosed()).toEqual([]);
  });

  test('that is silent for 1.5 times its keep-alive', async () => {
    const client = await rawDevice('silent', { keepalive: 1 });
    expect((await client.untilClosed()).map(({ cmd }) => cmd)).toEqual(['connack']);
  });
});

test('grants QoS 1 for a subscription with QoS 2, and answers pings', async () => {
  const client = await rawDevice('sub');
  await client.packet('connack');
  client.send({
    cmd: 'subscribe',
    messageId: 5,
    subscriptions: [{ topic: 'devices/sub/messages/devicebound/#', qos: 2 }],
  });
  expect(await client.packet('suback')).toMatchObject({ messageId: 5, granted: [1] });
  client.send({ cmd: 'unsubscribe', messageId: 6, unsubscriptions: ['devices/sub/messages/devicebound/#'] });
  expect(await client.packet('unsuback')).toMatchObject({ messageId: 6 });
  client.send({ cmd: 'pingreq' });
  await client.packet('pingresp');
});
