import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client, emulatorAgent, Message, receiveEvents } from '../azureSdks';
import { startHubWithService } from './amqpService';
import { sasToken, type TestHub } from './hub';

const require = createRequire(import.meta.url);
const { Amqp, AmqpWs } = require('azure-iot-device-amqp');

let hub: TestHub;
let service: IotHub.Client;
beforeAll(async () => {
  ({ hub, service } = await startHubWithService());
});
afterAll(() => hub.close());

type TransportName = 'AMQP' | 'AMQP over WebSockets';
const id = (transport: TransportName, name: string) => `${name}-${transport.length}`;

/** `GatewayHostName` is the SDK's own way to another address than the hub's. */
async function sdkClient(transport: TransportName, connection: string) {
  const isTcp = transport === 'AMQP';
  const client = Client.fromConnectionString(
    isTcp ? `${connection};GatewayHostName=127.0.0.1:${hub.emulator.amqpsPort}` : connection,
    isTcp ? Amqp : AmqpWs,
  );
  await client.setOptions({
    ca: hub.emulator.ca,
    ...(isTcp ? {} : { amqp: { webSocketAgent: emulatorAgent(hub.emulator) } }),
  });
  return client;
}

async function openDevice(transport: TransportName, deviceId: string) {
  const key = await hub.register(deviceId);
  const client = await sdkClient(transport, hub.emulator.connectionStrings.device(deviceId, key));
  await client.open();
  return client;
}

const identity = async (deviceId: string) => (await hub.call('GET', `/devices/${deviceId}`)).json;

describe.each<TransportName>(['AMQP', 'AMQP over WebSockets'])(
  'azure-iot-device-amqp with %s',
  (transport) => {
    test('sends telemetry that @azure/event-hubs reads as that of the device', async () => {
      const deviceId = id(transport, 'telemetry');
      const client = await openDevice(transport, deviceId);
      const message = new Message(JSON.stringify({ t: 21 }));
      const messageId = '3e9b3a6e-9fd2-4c58-9d0e-5d1a3c6d7b80'; // the SDK sends it as a uuid
      Object.assign(message, { messageId, contentType: 'application/json', contentEncoding: 'utf-8' });
      message.properties.add('Level & more', 'high=1');
      await client.sendEvent(message);
      expect(await identity(deviceId)).toMatchObject({ connectionState: 'Connected' });
      await client.close();
      const events = await receiveEvents(hub.emulator.connectionStrings.eventHub('service'), 1);
      expect(events.at(-1)).toMatchObject({
        messageId,
        contentType: 'application/json',
        body: { t: 21 },
        properties: { 'Level & more': 'high=1' },
        systemProperties: { 'iothub-connection-device-id': deviceId, 'iothub-message-source': 'Telemetry' },
      });
      hub.emulator.admin.expire({ keep: 0 });
      await expect.poll(async () => (await identity(deviceId)).connectionState).toBe('Disconnected');
    });

    test('receives cloud-to-device messages, and completes, abandons and rejects them', async () => {
      const deviceId = id(transport, 'messages');
      const client = await openDevice(transport, deviceId);
      const sent = new Message('one');
      Object.assign(sent, { messageId: 'm-1', correlationId: 'c-1', ack: 'full' });
      sent.properties.add('a', 'b');
      await service.send(deviceId, sent as never);
      const received: any[] = [];
      let arrived = (): void => undefined;
      const next = () => new Promise<void>((resolve) => (arrived = resolve));
      const first = next();
      client.on('message', (message) => {
        received.push(message);
        arrived();
      });
      await first;
      expect(received[0]).toMatchObject({ messageId: 'm-1', correlationId: 'c-1', ack: 'full' });
      expect(received[0].data.toString()).toBe('one');
      expect(received[0].properties.getValue('a')).toBe('b');
      const again = next();
      await client.abandon(received[0]);
      await again;
      expect(received[1].data.toString()).toBe('one');
      await client.complete(received[1]);
      await expect.poll(async () => (await identity(deviceId)).cloudToDeviceMessageCount).toBe(0);
      const second = next();
      await service.send(deviceId, new Message('two') as never);
      await second;
      await client.reject(received[2]);
      await expect.poll(async () => (await identity(deviceId)).cloudToDeviceMessageCount).toBe(0);
      await client.close();
    });

    test('reads its twin, reports properties and receives desired properties', async () => {
      const deviceId = id(transport, 'twin');
      const client = await openDevice(transport, deviceId);
      const twin: any = await client.getTwin();
      expect(twin.properties.desired.$version).toBe(1);
      const changes: any[] = [];
      twin.on('properties.desired', (change: any) => changes.push(change));
      await expect
        .poll(async () => {
          await hub.call('PATCH', `/twins/${deviceId}`, { properties: { desired: { interval: 5 } } });
          return changes.at(-1);
        })
        .toMatchObject({ interval: 5 });
      await new Promise<void>((resolve, reject) =>
        twin.properties.reported.update({ interval: 5 }, (error?: Error) =>
          error ? reject(error) : resolve(),
        ),
      );
      const { json } = await hub.call('GET', `/twins/${deviceId}`);
      expect(json.properties.reported).toMatchObject({ interval: 5 });
      await client.close();
    });

    test('responds to a direct method', async () => {
      const deviceId = id(transport, 'method');
      const client = await openDevice(transport, deviceId);
      client.onDeviceMethod('reboot', (request, response) => {
        void response.send(201, { got: request.payload });
      });
      const { status, json } = await hub.call('POST', `/twins/${deviceId}/methods`, {
        methodName: 'reboot',
        payload: { in: 3 },
        connectTimeoutInSeconds: 20,
      });
      expect({ status, json }).toEqual({ status: 200, json: { status: 201, payload: { got: { in: 3 } } } });
      await client.close();
    });

    test('learns of a wrong key', async () => {
      const deviceId = id(transport, 'wrong');
      await hub.register(deviceId);
      const wrong = hub.emulator.connectionStrings.device(deviceId, Buffer.alloc(32).toString('base64'));
      const client = await sdkClient(transport, wrong);
      await expect(client.open()).rejects.toMatchObject({ name: 'UnauthorizedError' });
    });
  },
);

test('a client goes on with a renewed token', async () => {
  const deviceId = 'amqp-renewal';
  const key = await hub.register(deviceId);
  const token = () => sasToken(`${hub.emulator.hostName}/devices/${deviceId}`, key);
  const client = Client.fromSharedAccessSignature(token(), Amqp);
  (client as any)._transport._authenticationProvider._credentials.gatewayHostName =
    `127.0.0.1:${hub.emulator.amqpsPort}`;
  await client.setOptions({ ca: hub.emulator.ca });
  await client.open();
  await new Promise((resolve) => client.updateSharedAccessSignature(token(), resolve));
  await client.sendEvent(new Message('{}'));
  await client.close();
  expect(hub.emulator.admin.messages({ limit: 100 }).at(-1)).toMatchObject({ deviceId });
});
