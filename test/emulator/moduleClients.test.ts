import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import type * as IotDevice from 'azure-iot-device';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emulatorAgent, Message, receiveEvents } from '../azureSdks';
import { startHubWithService } from './amqpService';
import { closed, connected, sasToken, VERSION, type TestHub } from './hub';

const require = createRequire(import.meta.url);
const { ModuleClient } = require('azure-iot-device') as typeof IotDevice;
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
const { Message: CloudMessage } = require('azure-iot-common');

let hub: TestHub;
let service: IotHub.Client;
beforeAll(async () => {
  ({ hub, service } = await startHubWithService());
  (service as any)._restApiClient.setOptions({ http: { agent: emulatorAgent(hub.emulator) } });
});
afterAll(() => hub.close());

/** Registers a module and returns its key. */
async function registerModule(deviceId: string, moduleId: string): Promise<string> {
  const { json } = await hub.call('PUT', `/devices/${deviceId}/modules/${moduleId}`, { deviceId, moduleId });
  return json.authentication.symmetricKey.primaryKey;
}

const moduleState = async (deviceId: string, moduleId: string) =>
  (await hub.call('GET', `/devices/${deviceId}/modules/${moduleId}`)).json;

const TRANSPORTS = { Mqtt, MqttWs, Amqp, AmqpWs };

/** Microsoft's module client; `GatewayHostName` is its own way to another address than the hub's. */
async function openModule(name: keyof typeof TRANSPORTS, deviceId: string, moduleId: string) {
  const key = await registerModule(deviceId, moduleId);
  const { emulator } = hub;
  const port = { Mqtt: emulator.mqttPort, Amqp: emulator.amqpsPort, MqttWs: 0, AmqpWs: 0 }[name];
  const gateway = port === 0 ? '' : `;GatewayHostName=127.0.0.1:${port}`;
  const client = ModuleClient.fromConnectionString(
    `HostName=${emulator.hostName};DeviceId=${deviceId};ModuleId=${moduleId};SharedAccessKey=${key}${gateway}`,
    TRANSPORTS[name],
  );
  const webSocketAgent = emulatorAgent(emulator);
  await client.setOptions({ ca: emulator.ca, mqtt: { webSocketAgent }, amqp: { webSocketAgent } });
  await client.open();
  return client;
}

describe.each(['Mqtt', 'MqttWs', 'Amqp', 'AmqpWs'] as const)('a ModuleClient with %s', (transport) => {
  const deviceId = `edge-${transport}`;
  let client: IotDevice.ModuleClient;
  beforeAll(async () => {
    await hub.register(deviceId);
    client = await openModule(transport, deviceId, 'camera');
  });
  afterAll(() => client.close());

  test('sends telemetry that names the module, and is connected apart from its device', async () => {
    await client.sendEvent(new Message('{"people":3}'));
    const [event] = await receiveEvents(hub.emulator.connectionStrings.eventHub('service'), 1);
    hub.emulator.admin.expire({ keep: 0 });
    const module = await moduleState(deviceId, 'camera');
    expect(event?.systemProperties).toMatchObject({
      'iothub-connection-device-id': deviceId,
      'iothub-connection-module-id': 'camera',
      'iothub-connection-auth-generation-id': module.generationId,
    });
    expect(module.connectionState).toBe('Connected');
    expect((await hub.call('GET', `/devices/${deviceId}`)).json.connectionState).toBe('Disconnected');
  });

  test('has a twin of its own, with reported and desired properties', async () => {
    const twin = await client.getTwin();
    const desired = new Promise<{ zoom?: number }>((resolve) =>
      twin.on('properties.desired', (change: { zoom?: number }) => {
        if (change.zoom !== undefined) resolve(change);
      }),
    );
    await new Promise<void>((resolve, reject) =>
      twin.properties.reported.update({ lens: 'clean' }, (error?: Error) =>
        error ? reject(error) : resolve(),
      ),
    );
    const { json } = await hub.call('GET', `/twins/${deviceId}/modules/camera`);
    expect(json).toMatchObject({ deviceId, moduleId: 'camera', status: 'enabled' });
    expect(json.properties.reported.lens).toBe('clean');
    // The SDK does not say when the hub has taken its subscription.
    const change = { properties: { desired: { zoom: 2 } } };
    let isKnown = false;
    void desired.then(() => (isKnown = true));
    await expect
      .poll(async () => {
        await hub.call('PATCH', `/twins/${deviceId}/modules/camera`, change);
        return isKnown;
      })
      .toBe(true);
    expect((await hub.call('GET', `/twins/${deviceId}`)).json.properties.desired.zoom).toBeUndefined();
  });

  test('answers direct methods of the module only', async () => {
    client.onMethod('focus', (request, response) => void response?.send(200, { at: request?.payload.at }));
    const call = { methodName: 'focus', payload: { at: 7 }, connectTimeoutInSeconds: 5 };
    const { result } = await service.invokeDeviceMethod(deviceId, 'camera', call);
    expect(result).toEqual({ status: 200, payload: { at: 7 } });
    const ofDevice = service.invokeDeviceMethod(deviceId, { methodName: 'focus' });
    await expect(ofDevice).rejects.toThrow('Not found');
  });
});

test('an inputMessage listener subscribes, although nothing routes to inputs', async () => {
  await hub.register('inputs');
  for (const transport of ['Mqtt', 'Amqp'] as const) {
    const client = await openModule(transport, 'inputs', transport);
    client.on('inputMessage', () => undefined);
    await client.sendOutputEvent('out', new Message('x')); // after the subscription, on the same connection
    expect(await moduleState('inputs', transport)).toMatchObject({ connectionState: 'Connected' });
    await client.close();
  }
});

describe('a module over MQTT', () => {
  const options = (deviceId: string, moduleId: string, key: string) => ({
    ...hub.mqttOptions(`${deviceId}/${moduleId}`, key),
    password: sasToken(`${hub.emulator.hostName}/devices/${deviceId}/modules/${moduleId}`, key),
  });
  const refusal = (own: mqtt.IClientOptions) =>
    connected(mqtt.connect(own)).catch((error: unknown) => (error as { code: number }).code);

  test('connects with the key of the module, for its own resource', async () => {
    const deviceKey = await hub.register('auth');
    const key = await registerModule('auth', 'm');
    await registerModule('auth', 'other');
    expect(await refusal(options('auth', 'm', deviceKey))).toBe(5);
    expect(await refusal(options('auth', 'other', key))).toBe(5);
    expect(await refusal(options('auth', 'unknown', key))).toBe(5);
    const foreign = sasToken(`${hub.emulator.hostName}/devices/auth/modules/other`, key);
    expect(await refusal({ ...options('auth', 'm', key), password: foreign })).toBe(5);
    const asDevice = { ...options('auth', 'm', key), clientId: 'auth' };
    expect(await refusal(asDevice)).toBe(5);
    const username = `${hub.emulator.hostName}/auth/m/?${VERSION}`;
    expect(await refusal({ ...hub.mqttOptions('auth', deviceKey), username })).toBe(5);
    const client = mqtt.connect({
      ...options('auth', 'm', key),
      username: `${hub.emulator.hostName}/auth/m/${VERSION}`, // as older SDKs write it
    });
    await connected(client);
    client.end(true);
  });

  test('may use its own topics only, and not those of its device', async () => {
    await hub.register('topics');
    const key = await registerModule('topics', 'm');
    const foreign = [
      'devices/topics/messages/devicebound/#',
      'devices/topics%2Fm/messages/devicebound/#',
      'devices/topics/modules/n/inputs/#',
    ];
    for (const filter of foreign) {
      const client = mqtt.connect(options('topics', 'm', key));
      await connected(client);
      const end = closed(client);
      client.subscribe(filter);
      await end;
    }
    const client = mqtt.connect(options('topics', 'm', key));
    await connected(client);
    await client.subscribeAsync('devices/topics/modules/m/#'); // as Microsoft's SDK for .NET does
    await client.publishAsync('devices/topics/modules/m/messages/events/', 'x', { qos: 1 });
    const end = closed(client);
    client.publish('devices/topics/messages/events/', 'x');
    await end;
  });

  test('is closed by a second connection, by a disabled device and by its deletion', async () => {
    const deviceKey = await hub.register('closing');
    const key = await registerModule('closing', 'm');
    const device = mqtt.connect(hub.mqttOptions('closing', deviceKey));
    const open = async () => {
      const client = mqtt.connect(options('closing', 'm', key));
      await connected(client);
      return { client, end: closed(client) };
    };
    await connected(device);
    const first = await open();
    const second = await open();
    await first.end;
    expect([device.connected, second.client.connected]).toEqual([true, true]);
    await hub.call('DELETE', '/devices/closing/modules/m');
    await second.end;
    expect(device.connected).toBe(true);
    const again = await registerModule('closing', 'm');
    const third = mqtt.connect(options('closing', 'm', again));
    await connected(third);
    const ends = [closed(third), closed(device)];
    const disabled = { deviceId: 'closing', status: 'disabled' };
    await hub.call('PUT', '/devices/closing', disabled, { 'if-match': '*' });
    await Promise.all(ends);
    expect(await refusal(options('closing', 'm', again))).toBe(5);
  });
});

test('a cloud-to-device message to a module is refused by name', async () => {
  const message = new CloudMessage('x');
  const send = new Promise((_resolve, reject) => {
    const { _transport: transport } = service as unknown as { _transport: any };
    transport._amqp.send(
      Object.assign(message, { to: '/devices/inputs/modules/Mqtt/messages/devicebound' }),
      '/messages/devicebound',
      message.to,
      (error: Error) => reject(error),
    );
  });
  await expect(send).rejects.toMatchObject({
    condition: 'amqp:not-implemented',
    description: expect.stringContaining('cloud-to-device messages for modules'),
  });
});
