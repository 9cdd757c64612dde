import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client, emulatorAgent, Message, receiveEvents } from '../azureSdks';
import { sasToken, startHub, type TestHub } from './hub';

const require = createRequire(import.meta.url);
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { SharedAccessSignatureAuthenticationProvider } = require('azure-iot-device');

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());

/** `GatewayHostName` is the SDK's own way to another address than the hub's. */
const gateway = () => `;GatewayHostName=127.0.0.1:${hub.emulator.mqttPort}`;

async function sdkClient(transport: 'MQTT' | 'MQTT over WebSockets', deviceId: string) {
  const connection = hub.emulator.connectionStrings.device(deviceId, await hub.register(deviceId));
  if (transport === 'MQTT') {
    const client = Client.fromConnectionString(connection + gateway(), Mqtt);
    await client.setOptions({ ca: hub.emulator.ca });
    return client;
  }
  const client = Client.fromConnectionString(connection, MqttWs);
  await client.setOptions({ mqtt: { webSocketAgent: emulatorAgent(hub.emulator) } });
  return client;
}

describe.each(['MQTT', 'MQTT over WebSockets'] as const)('azure-iot-device-mqtt with %s', (transport) => {
  test('sends telemetry that @azure/event-hubs reads as that of the device', async () => {
    const deviceId = `sdk-${transport.length}`;
    const client = await sdkClient(transport, deviceId);
    await client.open();
    const message = new Message(JSON.stringify({ t: 21 }));
    Object.assign(message, { messageId: 'one', contentType: 'application/json', contentEncoding: 'utf-8' });
    message.properties.add('Level & more', 'high=1');
    await client.sendEvent(message);
    await client.close();
    const events = await receiveEvents(hub.emulator.connectionStrings.eventHub('service'), 1);
    expect(events.at(-1)).toMatchObject({
      messageId: 'one',
      contentType: 'application/json',
      body: { t: 21 },
      properties: { 'Level & more': 'high=1' },
      systemProperties: { 'iothub-connection-device-id': deviceId, 'iothub-message-source': 'Telemetry' },
    });
    hub.emulator.admin.expire({ keep: 0 });
  });

  test('learns of a wrong key', async () => {
    await hub.register(`wrong-${transport.length}`);
    const connection = hub.emulator.connectionStrings.device(
      `wrong-${transport.length}`,
      Buffer.alloc(32).toString('base64'),
    );
    const client = Client.fromConnectionString(
      connection + (transport === 'MQTT' ? gateway() : ''),
      transport === 'MQTT' ? Mqtt : MqttWs,
    );
    await client.setOptions({
      ca: hub.emulator.ca,
      mqtt: { webSocketAgent: emulatorAgent(hub.emulator) },
    });
    await expect(client.open()).rejects.toThrow(/Not authorized/);
  });
});

test('a client reconnects with a renewed token', async () => {
  const key = await hub.register('renewal');
  const token = () => sasToken(`${hub.emulator.hostName}/devices/renewal`, key);
  const provider = new SharedAccessSignatureAuthenticationProvider({
    host: hub.emulator.hostName,
    deviceId: 'renewal',
    gatewayHostName: `127.0.0.1:${hub.emulator.mqttPort}`,
    sharedAccessSignature: token(),
  });
  const client = Client.fromAuthenticationProvider(provider, Mqtt);
  await client.setOptions({ ca: hub.emulator.ca });
  await client.open();
  await new Promise((resolve) => client.updateSharedAccessSignature(token(), resolve));
  await client.sendEvent(new Message('{}'));
  await client.close();
  expect(hub.emulator.admin.messages({ limit: 100 }).at(-1)).toMatchObject({ deviceId: 'renewal' });
});
