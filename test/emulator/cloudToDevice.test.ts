import { once } from 'node:events';
import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Client as DeviceClient, deviceClient, emulatorAgent, Message } from '../azureSdks';
import { startHubWithService } from './amqpService';
import { closed, connected, type TestHub } from './hub';
import { connectPacket, RawClient } from './rawMqttClient';

const require = createRequire(import.meta.url);
const { Mqtt } = require('azure-iot-device-mqtt');
let hub: TestHub;
let service: IotHub.Client;
beforeAll(async () => {
  ({ hub, service } = await startHubWithService());
});
afterAll(() => hub.close());

const identity = async (deviceId: string) => (await hub.call('GET', `/devices/${deviceId}`)).json;

function message(text: string, fields: object = {}) {
  const made = new Message(text);
  Object.assign(made, fields);
  return made;
}

describe('azure-iothub sends, and a device', () => {
  test('receives over MQTT with azure-iot-device-mqtt, also what was sent before it connected', async () => {
    const key = await hub.register('mqtt');
    const sent = message('{"a":1}', { messageId: 'm-1', correlationId: 'c', ack: 'full' });
    sent.properties.add('Level & more', 'high=1');
    await service.send('mqtt', sent as never);
    expect((await identity('mqtt')).cloudToDeviceMessageCount).toBe(1);
    const client = DeviceClient.fromConnectionString(
      `${hub.emulator.connectionStrings.device('mqtt', key)};GatewayHostName=127.0.0.1:${hub.emulator.mqttPort}`,
      Mqtt,
    );
    await client.setOptions({ ca: hub.emulator.ca });
    await client.open();
    const received: any[] = [];
    client.on('message', (one) => {
      received.push(one);
    });
    await expect.poll(() => received.length).toBe(1);
    await service.send('mqtt', message('second') as never);
    await expect.poll(() => received.length).toBe(2);
    expect(received[0].data.toString()).toBe('{"a":1}');
    expect(received[0]).toMatchObject({ messageId: 'm-1', correlationId: 'c' });
    expect(received[0].properties.getValue('Level & more')).toBe('high=1');
    await expect.poll(async () => (await identity('mqtt')).cloudToDeviceMessageCount).toBe(0);
    await client.close();
  });

  test('receives over HTTPS with azure-iot-device-http, and completes, abandons and rejects', async () => {
    const agent = emulatorAgent(hub.emulator);
    const client = deviceClient(hub.emulator, agent, 'https', await hub.register('https'));
    const transport = (client as any)._transport;
    const receive = () =>
      new Promise<any>((resolve) => {
        transport.once('message', resolve);
        transport._ensureAgentString(() => transport.receive());
      });
    await service.send('https', message('one', { messageId: 'm-1' }) as never);
    const first = await receive();
    expect(first.data.toString()).toBe('one');
    expect(first.messageId).toBe('m-1');
    await client.abandon(first);
    const again = await receive();
    expect(again.data.toString()).toBe('one');
    await client.complete(again);
    await service.send('https', message('two') as never);
    await client.reject(await receive());
    expect((await identity('https')).cloudToDeviceMessageCount).toBe(0);
    await client.close();
    agent.destroy();
  });

  test('receives over HTTPS a property with a name that is not allowed in a header', async () => {
    await hub.register('names');
    const sent = message('{}');
    for (const name of ['a b', 'a:b', 'a(b)', 'a\r\nb: c', 'ä', '\u212a', ''])
      sent.properties.add(name, 'x y');
    await service.send('names', sent as never);
    const { status, headers } = await hub.call('GET', '/devices/names/messages/devicebound');
    expect(status).toBe(200);
    expect(Object.entries(headers).filter(([name]) => name.startsWith('iothub-app-'))).toEqual(
      ['a%20b', 'a%3ab', 'a%28b%29', 'a%0d%0ab%3a%20c', '%c3%a4', '%e2%84%aa', ''].map((name) => [
        `iothub-app-${name}`,
        'x y',
      ]),
    );
  });

  test('that is unknown, or has 50 messages, makes the SDK throw its error', async () => {
    await expect(service.send('nobody', message('x') as never)).rejects.toMatchObject({
      name: 'DeviceNotFoundError',
    });
    await hub.register('full');
    for (let n = 0; n < 50; n++) await service.send('full', message(String(n)) as never);
    await expect(service.send('full', message('x') as never)).rejects.toMatchObject({
      name: 'DeviceMaximumQueueDepthExceededError',
    });
    const purged = await hub.call('DELETE', '/devices/full/commands');
    expect(purged.json).toEqual({ deviceId: 'full', moduleId: null, totalMessagesPurged: 50 });
  });
});

test('a message that is not acknowledged over MQTT comes again with the next connection', async () => {
  const key = await hub.register('again');
  const connect = async () => {
    const client = mqtt.connect(hub.mqttOptions('again', key, { clean: false }));
    await connected(client);
    return client;
  };
  const first = await connect();
  const arrived = new Promise<void>((resolve) => {
    first.handleMessage = () => resolve(); // never acknowledges
  });
  await first.subscribeAsync('devices/again/messages/devicebound/#', { qos: 1 });
  await service.send('again', message('once') as never);
  await arrived;
  const lost = closed(first);
  first.stream.destroy();
  await lost;
  await expect.poll(async () => (await identity('again')).connectionState).toBe('Disconnected');
  const second = mqtt.connect(hub.mqttOptions('again', key, { clean: false }));
  const [topic, body] = await new Promise<[string, string]>((resolve) =>
    second.on('message', (name, payload) => resolve([name, payload.toString()])),
  );
  expect(topic).toMatch(/^devices\/again\/messages\/devicebound\/%24\.to=/);
  expect(body).toBe('once');
  await expect.poll(async () => (await identity('again')).cloudToDeviceMessageCount).toBe(0);
  second.end(true);
});

test('a message is not lost on a connection that the hub has closed', async () => {
  const key = await hub.register('leaving');
  const client = await RawClient.open(hub, { allowHalfOpen: true });
  client.send(connectPacket(hub.emulator, 'leaving', key));
  const topic = 'devices/leaving/messages/devicebound/#';
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 0 }] });
  await client.packet('suback');
  const end = once(client.socket, 'end');
  client.send({ cmd: 'disconnect' });
  await end; // the hub has ended its side, and waits for the device
  await service.send('leaving', message('kept') as never);
  expect((await identity('leaving')).cloudToDeviceMessageCount).toBe(1);
  client.socket.destroy();
});

test('an expired message is not delivered', async () => {
  const key = await hub.register('late');
  await service.send('late', message('x', { expiryTimeUtc: Date.now() + 50 }) as never);
  await expect.poll(async () => (await identity('late')).cloudToDeviceMessageCount).toBe(0);
  expect(key).not.toBe('');
});

test('a message whose properties do not fit into a topic is rejected, and the next one arrives', async () => {
  const client = await hub.connect('topic');
  const received: string[] = [];
  client.on('message', (_topic, payload) => received.push(payload.toString()));
  await client.subscribeAsync('devices/topic/messages/devicebound/#', { qos: 1 });
  const large = message('large');
  large.properties.add('path', '/'.repeat(30_000)); // a slash has three bytes in a topic
  await service.send('topic', large as never);
  await service.send('topic', message('next') as never);
  await expect.poll(() => received).toEqual(['next']);
  await expect.poll(async () => (await identity('topic')).cloudToDeviceMessageCount).toBe(0);
  expect(client.connected).toBe(true);
});

test('getFeedbackReceiver of azure-iothub gets the feedback that the sender asked for', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const agent = emulatorAgent(hub.emulator);
  const client = deviceClient(hub.emulator, agent, 'feedback', await hub.register('feedback'));
  const transport = (client as any)._transport;
  const receive = () =>
    new Promise<any>((resolve) => {
      transport.once('message', resolve);
      transport._ensureAgentString(() => transport.receive());
    });
  const receiver = await new Promise<any>((resolve, reject) =>
    service.getFeedbackReceiver((error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const batches: any[] = [];
  receiver.on('message', (batch: any) => batches.push(batch));
  const records = () =>
    batches
      .flatMap((batch) => JSON.parse(batch.data.toString()))
      .filter(({ deviceId }) => deviceId === 'feedback');
  /** Brings a message with this acknowledgement to its end. */
  const end = async (ack: string, outcome: string) => {
    await service.send('feedback', message('x', { messageId: `${outcome}-${ack}`, ack }) as never);
    if (outcome === 'Success') await client.complete(await receive());
    else if (outcome === 'Rejected') await client.reject(await receive());
    else await hub.call('DELETE', '/devices/feedback/commands');
  };
  const expected = [
    ['none', 'negative', 'positive', 'Success'],
    ['none', 'negative', 'full', 'Success'],
    ['none', 'positive', 'negative', 'Rejected'],
    ['none', 'positive', 'full', 'Rejected'],
    ['none', 'positive', 'full', 'Purged'],
  ] as const;
  for (const [silent, alsoSilent, ack, outcome] of expected) {
    vi.setSystemTime(Date.now() + 16_000); // feedback is sent at most every 15 seconds
    await end(silent, outcome);
    await end(alsoSilent, outcome);
    const before = records().length;
    await end(ack, outcome);
    await expect.poll(() => records().length).toBe(before + 1);
  }
  expect(records().map(({ originalMessageId, statusCode }) => [originalMessageId, statusCode])).toEqual(
    expected.map(([, , ack, outcome]) => [`${outcome}-${ack}`, outcome]),
  );
  const { generationId } = await identity('feedback');
  expect(records()[0]).toMatchObject({ deviceId: 'feedback', deviceGenerationId: generationId });
  expect(Date.parse(records()[0].enqueuedTimeUtc)).not.toBeNaN();
  expect(batches[0].contentType).toBe('application/vnd.microsoft.iothub.feedback.json');

  await client.close();
  agent.destroy();
});
