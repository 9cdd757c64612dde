/** The faults and throttles of what devices and services do over MQTT and AMQP, met by Microsoft's SDKs. */

import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Client, emulatorAgent, Message, mqttDevice } from '../azureSdks';
import { startHubWithService } from './amqpService';
import { closed, type TestHub } from './hub';
import { connectPacket, RawClient } from './rawMqttClient';

const require = createRequire(import.meta.url);
const { Amqp } = require('azure-iot-device-amqp');
const { Client: ServiceClient } = require('azure-iothub') as typeof IotHub;
const { NoRetry } = require('azure-iot-common');

const DELAY_MS = 200;
/** Timers of Node may fire a little early. */
const MIN_DELAY_MS = DELAY_MS - 10;

let hub: TestHub;
let service: IotHub.Client;
beforeAll(async () => {
  ({ hub, service } = await startHubWithService());
  service.setRetryPolicy(new NoRetry());
});
afterEach(() => {
  hub.emulator.admin.clearFaults();
  hub.emulator.admin.setThrottle({ tier: 'none' });
});
afterAll(() => hub.close());

const pending = async (deviceId: string): Promise<number> =>
  (await hub.call('GET', `/devices/${deviceId}`)).json.cloudToDeviceMessageCount;

async function amqpDevice(deviceId: string, key: string) {
  const connection = hub.emulator.connectionStrings.device(deviceId, key);
  const address = `GatewayHostName=127.0.0.1:${hub.emulator.amqpsPort}`;
  const client = Client.fromConnectionString(`${connection};${address}`, Amqp);
  client.setRetryPolicy(new NoRetry());
  await client.setOptions({ ca: hub.emulator.ca });
  return client;
}

describe('a fault of connections', () => {
  test.each([
    ['unauthorized', /Not authorized/],
    ['unavailable', /Server unavailable/],
  ] as const)('%s refuses a device over MQTT once', async (kind, reason) => {
    const key = await hub.register(kind);
    hub.emulator.admin.armFault({ kind, target: 'connections', times: 1 });
    await expect(mqttDevice(hub.emulator, kind, key)).rejects.toThrow(reason);
    const client = await mqttDevice(hub.emulator, kind, key);
    await client.sendEvent(new Message('{}'));
    await client.close();
  });

  test('throttle refuses a device over AMQP once', async () => {
    const key = await hub.register('amqp');
    const [refused, accepted] = [await amqpDevice('amqp', key), await amqpDevice('amqp', key)];
    hub.emulator.admin.armFault({ kind: 'throttle', target: 'connections', times: 1 });
    await expect(refused.sendEvent(new Message('{}'))).rejects.toMatchObject({ name: 'ThrottlingError' });
    await refused.close();
    await accepted.sendEvent(new Message('{}'));
    await accepted.close();
  });

  test('clockSkew lets the token of a device expire once, over MQTT and AMQP', async () => {
    const fault = { kind: 'clockSkew', target: 'connections', times: 1, seconds: 7 * 24 * 3_600 };
    const key = await hub.register('skewed');
    hub.emulator.admin.armFault(fault);
    await expect(mqttDevice(hub.emulator, 'skewed', key)).rejects.toThrow(/Not authorized/);
    const overMqtt = await mqttDevice(hub.emulator, 'skewed', key);
    // It is for HTTPS: what a connected device sends has no signature.
    hub.emulator.admin.armFault({ ...fault, target: 'telemetry' });
    await overMqtt.sendEvent(new Message('{}'));
    expect(hub.emulator.admin.faults()).toHaveLength(1);
    hub.emulator.admin.clearFaults();
    await overMqtt.close();
    hub.emulator.admin.armFault(fault);
    const [refused, accepted] = [await amqpDevice('skewed', key), await amqpDevice('skewed', key)];
    await expect(refused.sendEvent(new Message('{}'))).rejects.toMatchObject({ name: 'UnauthorizedError' });
    await refused.close();
    await accepted.sendEvent(new Message('{}'));
    await accepted.close();
  });

  test.each([
    ['resetBefore', false],
    ['resetAfter', true],
  ] as const)('%s ends an AMQP connection; the device was connected: %s', async (kind, wasConnected) => {
    const client = await amqpDevice(kind, await hub.register(kind));
    hub.emulator.admin.armFault({ kind, target: 'connections', times: 1 });
    await expect(client.sendEvent(new Message('{}'))).rejects.toThrow();
    const { json } = await hub.call('GET', `/devices/${kind}`);
    expect(json.connectionStateUpdatedTime.startsWith('0001')).toBe(!wasConnected);
    await client.close();
  });

  test('slow delays the connection of one device, and resetBefore ends it', async () => {
    hub.emulator.admin.armFault({
      kind: 'slow',
      target: 'connections',
      delayMs: DELAY_MS,
      times: 1,
      filter: { deviceId: 'late' },
    });
    await hub.connect('prompt');
    expect(hub.emulator.admin.faults()).toHaveLength(1);
    const started = performance.now();
    await hub.connect('late');
    expect(performance.now() - started).toBeGreaterThan(MIN_DELAY_MS);
    expect(hub.emulator.admin.faults()).toEqual([]);
    hub.emulator.admin.armFault({ kind: 'resetBefore', target: 'connections', times: 1 });
    await expect(hub.connect('reset', { reconnectPeriod: 0 })).rejects.toThrow(/ECONNRESET|socket/i);
  });

  test('slow also delays what came together with the connection', async () => {
    const key = await hub.register('eager');
    hub.emulator.admin.armFault({ kind: 'slow', target: 'connections', delayMs: 20, times: 1 });
    const client = await RawClient.open(hub);
    client.send(connectPacket(hub.emulator, 'eager', key), {
      cmd: 'publish',
      topic: 'devices/eager/messages/events/',
      payload: '{}',
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
    });
    expect(await client.packet('puback')).toMatchObject({ messageId: 1 });
    client.socket.destroy();
  });

  test('dropDevices ends the connection of one device', async () => {
    const [dropped, other] = [
      await hub.connect('dropped', { reconnectPeriod: 0 }),
      await hub.connect('other'),
    ];
    const end = closed(dropped);
    expect(hub.emulator.admin.armFault({ kind: 'dropDevices', deviceId: 'dropped' })).toEqual({
      affected: 1,
    });
    await end;
    await other.publishAsync('devices/other/messages/events/', '{}', { qos: 1 });
  });
});

describe('cloud-to-device messages', () => {
  test('expire, so that a device that connects later gets only newer ones', async () => {
    const key = await hub.register('expired');
    await hub.register('kept');
    await service.send('expired', new Message('old') as never);
    await service.send('kept', new Message('old') as never);
    expect(hub.emulator.admin.armFault({ kind: 'expireMessages', deviceId: 'expired' })).toEqual({
      affected: 1,
    });
    expect([await pending('expired'), await pending('kept')]).toEqual([0, 1]);
    await service.send('expired', new Message('new') as never);
    const client = await mqttDevice(hub.emulator, 'expired', key);
    const first = new Promise<string>((resolve) => {
      client.on('message', ({ data }) => resolve(String(data)));
    });
    expect(await first).toBe('new');
    await client.close();
    expect(hub.emulator.admin.armFault({ kind: 'expireMessages' })).toEqual({ affected: 1 });
  });

  test('are refused by a fault of a device whose id is encoded in the address', async () => {
    await hub.register('a:b=c');
    hub.emulator.admin.armFault({ kind: 'quota', target: 'messages', filter: { deviceId: 'a:b=c' } });
    await expect(service.send('a:b=c', new Message('x') as never)).rejects.toThrow();
    hub.emulator.admin.clearFaults();
    await service.send('a:b=c', new Message('x') as never);
  });

  test('are refused by a fault of one device', async () => {
    for (const deviceId of ['refused', 'accepted']) await hub.register(deviceId);
    hub.emulator.admin.armFault({ kind: 'throttle', target: 'messages', filter: { deviceId: 'refused' } });
    await expect(service.send('refused', new Message('x') as never)).rejects.toMatchObject({
      name: 'ThrottlingError',
    });
    await service.send('accepted', new Message('x') as never);
    expect([await pending('refused'), await pending('accepted')]).toEqual([0, 1]);
  });

  test.each([
    ['S1', true],
    ['S2', true],
    ['S3', false],
  ] as const)('are throttled as on one unit of %s: %s', async (tier, isThrottled) => {
    // Fifty messages may wait for a device.
    const deviceIds = ['a', 'b', 'c', 'd'].map((id) => `${tier}-${id}`);
    for (const deviceId of deviceIds) await hub.register(deviceId);
    hub.emulator.admin.setThrottle({ tier });
    const results = await Promise.allSettled(
      Array.from({ length: 150 }, (_, i) =>
        service.send(deviceIds[i % deviceIds.length] ?? '', new Message('x') as never),
      ),
    );
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused.length > 0).toBe(isThrottled);
    expect(results.length - refused.length).toBeGreaterThanOrEqual(100);
    for (const one of refused) expect(one).toMatchObject({ reason: { name: 'ThrottlingError' } });
  });
});

test('a slow direct method returns its result after the delay', async () => {
  const client = await mqttDevice(hub.emulator, 'methods', await hub.register('methods'));
  client.onDeviceMethod('wait', (_request, response) => {
    void response.send(200, 'done');
  });
  const caller = ServiceClient.fromConnectionString(hub.emulator.connectionStrings.hub('service'));
  (caller as any)._restApiClient.setOptions({ http: { agent: emulatorAgent(hub.emulator) } });
  const call = async () =>
    (await caller.invokeDeviceMethod('methods', { methodName: 'wait', connectTimeoutInSeconds: 5 })).result;
  expect(await call()).toEqual({ status: 200, payload: 'done' });
  hub.emulator.admin.armFault({ kind: 'slow', target: 'methods', delayMs: DELAY_MS, times: 1 });
  const started = performance.now();
  expect(await call()).toEqual({ status: 200, payload: 'done' });
  expect(performance.now() - started).toBeGreaterThan(MIN_DELAY_MS);
  expect(hub.emulator.admin.faults()).toEqual([]);
  await client.close();
});
