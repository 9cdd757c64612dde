import { once } from 'node:events';
import rhea, {
  type Connection,
  type ConnectionOptions,
  type Delivery,
  type EventContext,
  type Message,
} from 'rhea';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { POLICIES } from '../../emulator';
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
  const at = rhea.types.wrap_timestamp(9e15) as never; // beyond the dates of JavaScript
  expect(await send(connection, 'plain', { body: '{"t":1}', application_properties: { level: 3, at } })).toBe(
    'accepted',
  );
  expect(stored('plain')).toMatchObject([{ body: '{"t":1}', properties: { level: '3' } }]);
  expect(stored('plain')[0]?.properties).not.toHaveProperty('at');
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

  const large = Array.from({ length: 2 }, () =>
    rhea.message.encode({ body: rhea.message.data_section(Buffer.alloc(150 * 1024)) }),
  );
  const tooLarge = rhea.message.encode({ body: rhea.message.data_sections(large) });
  expect(await send(connection, 'batch', tooLarge as never, 0x80013700)).toBe(
    'amqp:link:message-size-exceeded',
  );
  expect(stored('batch')).toHaveLength(2);
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
  expect(await sends('/devices/own/modules/m/messages/events')).toBe('amqp:unauthorized-access');
  expect(await sends('/devices/own/other')).toBe('amqp:not-found');
  expect(await receives('/messages/serviceBound/feedback')).toBe('amqp:unauthorized-access');
});

/** Receives as many messages as it has credit for. They are neither accepted nor settled. */
function receive(connection: Connection, deviceId: string, credit: number, options: object = {}) {
  const deliveries: Delivery[] = [];
  const receiver = connection.open_receiver({
    source: `/devices/${deviceId}/messages/devicebound`,
    ...{ credit_window: 0, autoaccept: false, ...options },
  });
  receiver.on('message', ({ delivery }: EventContext) => {
    if (delivery) deliveries.push(delivery);
  });
  receiver.add_credit(credit);
  return { receiver, deliveries };
}

/** Sends messages to devices as a service. */
async function sendToDevices(connection: Connection, deviceIds: readonly string[], count: number) {
  const sender = connection.open_sender('/messages/devicebound');
  await once(sender, 'sendable');
  for (const deviceId of deviceIds) {
    const to = `/devices/${deviceId}/messages/devicebound`;
    let accepted = 0;
    await new Promise<void>((resolve) => {
      sender.on('accepted', () => ++accepted === count && resolve());
      for (let n = 0; n < count; n++) sender.send({ to, body: '1' });
    });
    sender.removeAllListeners('accepted');
  }
}

const connectPolicy = () => {
  const token = sasToken(hub.emulator.hostName, POLICIES.iothubowner.key, { policy: 'iothubowner' });
  return connect('iothubowner@sas.root.hubfront', token);
};

test('a client that settles nothing gets what a session holds, and the rest when it settles', async () => {
  const DEVICES = 42;
  const QUEUED = 50;
  const SESSION_DELIVERIES = 2_048;
  const deviceIds = Array.from({ length: DEVICES }, (_, n) => `unsettled-${n}`);
  for (const deviceId of deviceIds) await hub.register(deviceId);
  await sendToDevices(await connectPolicy(), deviceIds, QUEUED);
  const connection = await connectPolicy();
  const received = deviceIds.map((deviceId) => receive(connection, deviceId, QUEUED).deliveries);
  await expect.poll(() => received.flat().length).toBe(SESSION_DELIVERIES);
  for (const delivery of received.flat()) delivery.accept();
  await expect.poll(() => received.flat().length).toBe(DEVICES * QUEUED);
});

test.each<[string, number, (delivery: Delivery) => void]>([
  ['accepts', 0, (delivery) => delivery.accept()],
  ['rejects', 0, (delivery) => delivery.reject({ condition: 'test:no', description: 'no' })],
  ['releases', 1, (delivery) => delivery.release()],
  ['modifies', 1, (delivery) => delivery.release({ delivery_failed: true })],
])('a receiver that settles second and %s gets the settlement of the hub', async (verb, left, dispose) => {
  const deviceId = `second-${verb}`;
  const connection = await connectDevice(deviceId);
  await sendToDevices(await connectPolicy(), [deviceId], 1);
  const options = { rcv_settle_mode: 1, autosettle: false };
  const { receiver, deliveries } = receive(connection, deviceId, 1, options);
  await expect.poll(() => deliveries.length).toBe(1);
  let hasSettled = false;
  receiver.on('settled', () => (hasSettled = true));
  for (const delivery of deliveries) dispose(delivery);
  await expect.poll(() => hasSettled).toBe(true);
  expect(deliveries[0]).toMatchObject({ settled: false, remote_settled: true });
  const { json } = await hub.call('GET', `/devices/${deviceId}`);
  expect(json.cloudToDeviceMessageCount).toBe(left);
});

test('a message that the old connection has locked comes to the new one when the old one ends', async () => {
  const key = await hub.register('moves');
  await sendToDevices(await connectPolicy(), ['moves'], 1);
  const login = () => connect('moves@sas.hubfront', tokenOf('moves', key));
  const first = receive(await login(), 'moves', 1);
  await expect.poll(() => first.deliveries.length).toBe(1);
  const second = receive(await login(), 'moves', 1);
  await expect.poll(() => second.deliveries.length).toBe(1);
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

test('a message that waits for room in the session counts as one that the client has asked for', async () => {
  const key = await hub.register('narrow');
  const policy = await connectPolicy();
  await sendToDevices(policy, ['narrow'], 3);
  const connection = await connect('narrow@sas.hubfront', tokenOf('narrow', key));
  const session = connection.create_session();
  const internals = session as unknown as {
    local: { begin: { incoming_window: number } };
    incoming: { deliveries: { available: () => number } };
    on_transfer: (frame: unknown) => void;
  };
  let window = 1;
  const transfer = internals.on_transfer.bind(session);
  internals.on_transfer = (frame) => {
    window = 0;
    transfer(frame);
  };
  internals.local.begin.incoming_window = window;
  internals.incoming.deliveries.available = () => window;
  session.begin();
  const receiver = session.open_receiver({
    source: '/devices/narrow/messages/devicebound',
    credit_window: 0,
    autoaccept: false,
  });
  const received = once(receiver, 'message');
  receiver.add_credit(2);
  await received;
  await sendToDevices(policy, ['narrow'], 1); // the hub looks for messages to deliver
  const { json } = await hub.call('GET', '/devices/narrow');
  expect(json.cloudToDeviceMessageCount).toBe(4);
  const free = async () => {
    const authorization = tokenOf('narrow', key);
    return (await hub.call('GET', '/devices/narrow/messages/devicebound', undefined, { authorization }))
      .status;
  };
  expect([await free(), await free(), await free()]).toEqual([200, 200, 204]);
});

test('requests for a twin that a fault delays are limited', async () => {
  const connection = await connectDevice('patient');
  hub.emulator.admin.armFault({
    ...{ kind: 'slow', target: 'twins', delayMs: 3_600_000, filter: { deviceId: 'patient' } },
  });
  const sender = connection.open_sender('/devices/patient/twin');
  await once(sender, 'sendable');
  const closed = once(sender, 'sender_error');
  for (let n = 0; n < 101; n++) {
    sender.send({ correlation_id: n, message_annotations: { operation: 'GET' }, body: '' });
  }
  await closed;
  expect((sender.error as { condition: string }).condition).toBe('amqp:resource-limit-exceeded');
});
