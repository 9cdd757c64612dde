import { once } from 'node:events';
import rhea, { type Connection, type ConnectionOptions, type EventContext, type Message } from 'rhea';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { sasToken, startHub, type TestHub } from './hub';

let hub: TestHub;
const connections: Connection[] = [];
beforeAll(async () => {
  hub = await startHub({ amqpsPort: 0 });
});
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});
afterAll(() => hub.close());

/** Logs in with SASL PLAIN. Rejects if the hub refuses the login. */
async function connect(username: string, password: string): Promise<Connection> {
  const { amqpsPort, ca } = hub.emulator;
  const options = { transport: 'tls', host: 'localhost', port: amqpsPort, ca, reconnect: false };
  const connection = rhea.create_container().connect({ ...options, username, password } as ConnectionOptions);
  for (const event of ['disconnected', 'sender_error', 'receiver_error'])
    connection.on(event, () => undefined);
  await new Promise<void>((resolve, reject) => {
    connection.on('connection_open', () => resolve());
    connection.on('connection_error', () => reject(new Error('refused')));
  });
  connections.push(connection);
  return connection;
}

const tokenOf = (deviceId: string, key: string) =>
  sasToken(`${hub.emulator.hostName}/devices/${deviceId}`, key);

async function connectDevice(deviceId: string): Promise<Connection> {
  return connect(`${deviceId}@sas.hubfront`, tokenOf(deviceId, await hub.register(deviceId)));
}

/** Sends one message and returns the outcome: `accepted`, or the condition of the rejection. */
async function send(connection: Connection, deviceId: string, message: Message | Buffer, format?: number) {
  const sender = connection.open_sender(`/devices/${deviceId}/messages/events`);
  await once(sender, 'sendable');
  return new Promise<string>((resolve) => {
    sender.on('accepted', () => resolve('accepted'));
    sender.on('rejected', ({ delivery }: EventContext) => {
      const { error } = (delivery as unknown as { remote_state: { error: { condition: string } } })
        .remote_state;
      resolve(error.condition);
    });
    if (format === undefined) sender.send(message);
    else sender.send(message, undefined, format);
  });
}

const stored = (deviceId: string) =>
  hub.emulator.admin.messages({ limit: 1_000 }).filter((message) => message.deviceId === deviceId);

test('a device logs in with SASL PLAIN, and only with its own token', async () => {
  const connection = await connectDevice('plain');
  expect(await send(connection, 'plain', { body: '{"t":1}', application_properties: { level: 3 } })).toBe(
    'accepted',
  );
  expect(stored('plain')).toMatchObject([{ body: '{"t":1}', properties: { level: '3' } }]);
  const other = await hub.register('other');
  await expect(connect('plain@sas.hubfront', tokenOf('plain', other))).rejects.toThrow('refused');
  await expect(connect('other@sas.elsewhere', tokenOf('other', other))).rejects.toThrow('refused');
});

test('a batch of messages is stored as its messages', async () => {
  const connection = await connectDevice('batch');
  const parts = ['one', 'two'].map((body) => rhea.message.encode({ body }));
  const batch = rhea.message.encode({ body: rhea.message.data_sections(parts) });
  expect(await send(connection, 'batch', batch as never, 0x80013700)).toBe('accepted');
  expect(stored('batch').map(({ body }) => body)).toEqual(['one', 'two']);
});

test('links of another device, of the wrong direction, of modules and at unknown nodes are refused', async () => {
  const connection = await connectDevice('own');
  await hub.register('foreign');
  const refusal = async (
    open: () => { once(event: string, listener: () => void): unknown },
    event: string,
  ) => {
    const link = open() as unknown as NodeJS.EventEmitter & { error: { condition: string } };
    await once(link, event);
    return link.error.condition;
  };
  const sends = (path: string) => refusal(() => connection.open_sender(path), 'sender_error');
  const receives = (path: string) => refusal(() => connection.open_receiver(path), 'receiver_error');
  expect(await sends('/devices/foreign/messages/events')).toBe('amqp:unauthorized-access');
  expect(await receives('/devices/foreign/messages/devicebound')).toBe('amqp:unauthorized-access');
  expect(await receives('/devices/own/messages/events')).toBe('amqp:not-allowed');
  expect(await sends('/devices/own/messages/devicebound')).toBe('amqp:not-allowed');
  expect(await sends('/devices/own/modules/m/messages/events')).toBe('amqp:not-implemented');
  expect(await sends('/devices/own/other')).toBe('amqp:not-found');
  expect(await receives('/messages/serviceBound/feedback')).toBe('amqp:unauthorized-access');
});

test('a device that connects again, or is disabled, loses its links', async () => {
  const key = await hub.register('twice');
  const attach = async () => {
    const connection = await connect('twice@sas.hubfront', tokenOf('twice', key));
    const sender = connection.open_sender('/devices/twice/messages/events');
    await once(sender, 'sender_open');
    const ended = once(sender, 'sender_error').then(() => (sender.error as { condition: string }).condition);
    return { ended };
  };
  const first = await attach();
  const second = await attach();
  expect(await first.ended).toBe('amqp:link:stolen');
  const { json } = await hub.call('GET', '/devices/twice');
  expect(json.connectionState).toBe('Connected');
  await hub.call('PUT', '/devices/twice', { ...json, status: 'disabled' }, { 'if-match': '*' });
  expect(await second.ended).toBe('amqp:not-found');
});

test('faults and limits reject messages with the conditions that the SDKs know', async () => {
  const connection = await connectDevice('faulty');
  const condition = async (kind: string) => {
    hub.emulator.admin.armFault({ kind, target: 'telemetry', times: 1, filter: { deviceId: 'faulty' } });
    return send(connection, 'faulty', { body: 'x' });
  };
  expect(await condition('throttle')).toBe('com.microsoft:device-container-throttled');
  expect(await condition('quota')).toBe('amqp:resource-limit-exceeded');
  expect(await condition('unavailable')).toBe('com.microsoft:timeout');
  expect(await condition('serverError')).toBe('amqp:internal-error');
  expect(await send(connection, 'faulty', { body: Buffer.alloc(257 * 1024) as never })).toBe(
    'amqp:link:message-size-exceeded',
  );
  expect(await send(connection, 'faulty', { body: 'x' })).toBe('accepted');
  expect(stored('faulty')).toHaveLength(1);
});
