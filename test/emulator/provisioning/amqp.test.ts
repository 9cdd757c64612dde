/** Devices that register over AMQP, with a client that shows each error. The SDK's tests are in `devices.test.ts`. */

import rhea, { message as amqp, type Connection, type EventContext } from 'rhea';
import { generate } from 'selfsigned';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ClientLinks, LinkTarget } from '../../../emulator/amqp';
import { PROVISIONING } from '../../../emulator/index';
import type { DeviceOperations } from '../../../emulator/provisioning/deviceOperations';
import { openRegistrationLinks } from '../../../emulator/provisioning/registrationLinks';
import { sasToken, startHub, type TestHub } from '../hub';
import { asService, testAttestation as attestation, testKey as key } from './provisioningRequests';

let hub: TestHub;
const lines: string[] = [];
const connections: Connection[] = [];
beforeAll(async () => {
  const enrollments = ['fridge', 'leaving'].map((registrationId) => ({ registrationId, attestation }));
  const log = (line: string) => lines.push(line);
  hub = await startHub({
    ...{ provisioning: true, amqpsPort: 0, seed: { provisioning: { enrollments } } },
    ...{ log, logLevel: 'debug', allowedHosts: ['.example'] },
  });
});
afterEach(() => connections.splice(0).forEach((connection) => connection.close()));
afterAll(() => hub.close());

const resourceOf = (id: string) => `${PROVISIONING.idScope}/registrations/${id}`;
const resource = resourceOf('fridge');
const anonymous = { username: 'anonymous', password: undefined };
const login = (id = 'fridge', fill = 1) => ({
  username: resourceOf(id),
  password: sasToken(resourceOf(id), key(fill), { policy: 'registration' }),
});

function connect(options: object = {}, to = hub): Connection {
  const { amqpsPort: port, ca } = to.emulator;
  const tls = { transport: 'tls', host: 'localhost', port, ca, reconnect: false };
  const connection = rhea.create_container().connect({ ...tls, ...login(), ...options } as never);
  for (const name of ['error', 'disconnected', 'sender_error', 'receiver_error', 'connection_error'])
    connection.on(name, () => undefined);
  connections.push(connection);
  return connection;
}

const event = (
  emitter: { once(name: string, listener: (context: EventContext) => void): unknown },
  name: string,
) => new Promise<EventContext>((resolve) => emitter.once(name, resolve));

/** The error with which the service closes the connection. */
async function closeError(options: object, to = hub): Promise<any> {
  const connection = connect(options, to);
  await event(connection, 'connection_close');
  return connection.error;
}

/** Connects a device that sends requests, and returns each response or the error of the rejected request. */
async function openDevice(id = 'fridge') {
  const connection = connect(login(id));
  const receiver = connection.open_receiver(resourceOf(id));
  const sender = connection.open_sender(resourceOf(id));
  await Promise.all([event(receiver, 'receiver_open'), event(sender, 'sendable')]);
  const request = (properties: object, message: object = {}): Promise<any> =>
    new Promise((resolve) => {
      sender.once('rejected', ({ delivery }: EventContext) => {
        const { condition, description } = (delivery?.remote_state as any).error;
        resolve({ condition, ...JSON.parse(description) });
      });
      receiver.once('message', ({ message: response }: EventContext) => resolve(response));
      sender.send({ application_properties: properties, body: '', ...message });
    });
  return { connection, sender, request };
}

const REGISTER = { 'iotdps-operation-type': 'iotdps-register' };
const status = (operationId: string) => ({
  'iotdps-operation-type': 'iotdps-get-operationstatus',
  'iotdps-operation-id': operationId,
});
const jsonOf = ({ body }: any) => JSON.parse((body.content ?? body).toString());
const correlationId = '9f1c2a44-5a3b-4ab0-9d6c-0a5f5b7d8e11';

test('a response has the correlation id of its request, and the time to wait for the hub', async () => {
  const { request } = await openDevice();
  const started = await request(REGISTER, { correlation_id: correlationId });
  expect(started).toMatchObject({
    correlation_id: correlationId,
    application_properties: { 'retry-after': 1, 'Retry-After': 1 },
  });
  expect(jsonOf(started)).toMatchObject({ status: 'assigning' });
  const binary = rhea.types.wrap_binary(Buffer.from('abc'));
  const assigned = await request(status(jsonOf(started).operationId), { correlation_id: binary });
  expect(assigned.correlation_id).toEqual(Buffer.from('abc'));
  expect(assigned.application_properties).toBeUndefined();
  expect(jsonOf(assigned)).toMatchObject({
    status: 'assigned',
    registrationState: { registrationId: 'fridge', assignedHub: hub.emulator.hostName },
  });
});

test.each([
  ['without an operation', {}, {}, 400_000, 'com.microsoft:argument-error'],
  ['with an unknown operation', { 'iotdps-operation-type': 7 }, {}, 400_000, 'com.microsoft:argument-error'],
  ['for an unknown operation id', status('4.0'), {}, 404_201, 'amqp:not-found'],
  [
    'with the body of another device',
    REGISTER,
    { body: '{"registrationId":"b"}' },
    400_000,
    'com.microsoft:argument-error',
  ],
  ['with a body that is not JSON', REGISTER, { body: '{"' }, 400_006, 'com.microsoft:argument-error'],
  [
    'with more than 96 KB',
    REGISTER,
    { body: 'a'.repeat(98_305) },
    413_000,
    'amqp:link:message-size-exceeded',
  ],
  ['with a TPM', REGISTER, { body: '{"tpm":{}}' }, 501_000, 'amqp:not-implemented'],
])('rejects a request %s', async (_name, properties, message, errorCode, condition) => {
  const { request } = await openDevice();
  expect(await request(properties, message)).toMatchObject({ errorCode, condition });
  expect(jsonOf(await request(REGISTER))).toMatchObject({ status: 'assigning' });
});

test('responds without the correlation id if its type is that of no id', async () => {
  const { request } = await openDevice();
  const response = await request(REGISTER, { correlation_id: rhea.types.wrap_boolean(true) });
  expect(jsonOf(response)).toMatchObject({ status: 'assigning' });
  expect(response).not.toHaveProperty('correlation_id');
});

test('rejects a request that fails unexpectedly, and shows the reason in the log only', () => {
  const fail = () => {
    throw new Error('the inner reason');
  };
  const device = { register: fail, authenticate: () => undefined } as unknown as DeviceOperations;
  const errors: string[] = [];
  const opening = {
    ...{ device, isHere: true, login: login(), hostNames: [] },
    transport: { peer: 'amqp', clientCertificate: () => undefined },
    log: { error: (line: string) => errors.push(line), debug: () => undefined },
  };
  const links = openRegistrationLinks(opening as unknown as Parameters<typeof openRegistrationLinks>[0]);
  const outcomes: any[] = [];
  const delivery = {
    accept: () => outcomes.push('accepted'),
    reject: (error: object) => outcomes.push(error),
  };
  const link = { session: { incoming: { process: () => undefined } } };
  const target = (links as ClientLinks).attachTarget(link as never, resource) as LinkTarget;
  target.receive({ application_properties: REGISTER } as never, delivery as never);
  expect(outcomes).toMatchObject([{ condition: 'amqp:internal-error' }]);
  expect(JSON.parse(outcomes[0].description)).toMatchObject({ errorCode: 500_000 });
  expect(outcomes[0].description).not.toContain('inner');
  expect(errors).toEqual(['provisioning request failed: the inner reason']);
});

test('checks the token with each request', async () => {
  const { request } = await openDevice('leaving');
  expect((await asService(hub.emulator, 'DELETE', '/enrollments/leaving')).status).toBe(204);
  expect(await request(REGISTER)).toMatchObject({
    condition: 'amqp:unauthorized-access',
    errorCode: 401_002,
  });
});

test.each([
  ['a wrong key', login('fridge', 7), 'amqp:unauthorized-access', 401_002],
  ['an unknown registration', login('nobody'), 'amqp:unauthorized-access', 401_002],
  [
    'the token of another registration',
    { ...login('b'), username: resource },
    'amqp:unauthorized-access',
    401_002,
  ],
  ['no token', { username: resource, password: 'none' }, 'amqp:unauthorized-access', 401_002],
  ['no login', { ...anonymous, hostname: PROVISIONING.globalHostName }, 'amqp:unauthorized-access', 401_002],
  [
    'another id scope',
    { ...login(), username: '0ne00FFFFFF/registrations/fridge' },
    'amqp:not-found',
    404_201,
  ],
  ['a huge registration id', login('a'.repeat(20_000)), 'com.microsoft:argument-error', 400_000],
])('closes a connection with %s', async (_name, options, condition, errorCode) => {
  const error = await closeError(options);
  expect(error).toMatchObject({ condition });
  expect(JSON.parse(error.description)).toMatchObject({ errorCode });
});

test.each([
  [PROVISIONING.globalHostName, true],
  [PROVISIONING.hostName, true],
  ['gateway.example', true],
  ['hubfront.azure-devices.localhost', false],
  ['other.azure-devices-provisioning.net', false],
  ['evil.test', false],
])('a device reaches the service by the host name %s: %s', async (name, isAllowed) => {
  const tls = { servername: name, checkServerIdentity: () => undefined };
  for (const options of [{ hostname: name }, tls]) {
    if (isAllowed) await event(connect(options), 'connection_open');
    else expect(await closeError(options)).toMatchObject({ condition: 'amqp:not-found' });
  }
});

test('names what is missing if a device registers with a certificate', async () => {
  const { private: tlsKey, cert } = await generate([{ name: 'commonName', value: 'fridge' }], {
    keyType: 'ec',
    algorithm: 'sha256',
  });
  const certificate = { key: tlsKey, cert };
  const error = await closeError({ ...certificate, ...anonymous, hostname: PROVISIONING.globalHostName });
  expect(error).toMatchObject({
    condition: 'amqp:not-implemented',
    description: expect.stringContaining('x509'),
  });
});

test('without the option, names it', async () => {
  const plain = await startHub({ amqpsPort: 0 });
  try {
    for (const options of [{}, { ...anonymous, hostname: PROVISIONING.globalHostName }]) {
      expect(await closeError(options, plain)).toMatchObject({
        condition: 'amqp:not-implemented',
        description: expect.stringContaining('--provisioning'),
      });
    }
  } finally {
    await plain.close();
  }
});

test.each([
  resourceOf('other'),
  '$cbs',
  '$management',
  'messages/devicebound',
  'devices/fridge/messages/events',
  'hubfront/ConsumerGroups/$Default/Partitions/0',
  '',
])('a device attaches links to its registration only, not to %j', async (path) => {
  const connection = connect();
  const links = [connection.open_receiver(path), connection.open_sender(path)] as const;
  await Promise.all([event(links[0], 'receiver_close'), event(links[1], 'sender_close')]);
  for (const { error } of links) expect(error).toMatchObject({ condition: 'amqp:unauthorized-access' });
});

test('a device attaches at most 10 links at a time', async () => {
  const connection = connect();
  const links = Array.from({ length: 10 }, () => connection.open_receiver(resource));
  await Promise.all(links.map((link) => event(link, 'receiver_open')));
  const more = connection.open_sender(resource);
  await event(more, 'sender_close');
  expect(more.error).toMatchObject({ condition: 'amqp:resource-limit-exceeded' });
  links[0]?.close();
  await event(connection.open_sender(resource), 'sendable');
});

test('a device that takes no responses is cut off', async () => {
  const connection = connect();
  const receiver = connection.open_receiver({ source: resource, credit_window: 0 });
  const sender = connection.open_sender(resource);
  await event(sender, 'sendable');
  for (let count = 0; count <= 1_000; count++) {
    if (!sender.sendable()) await event(sender, 'sendable');
    sender.send({ application_properties: { 'iotdps-operation-type': 'iotdps-register' }, body: '' });
  }
  await event(receiver, 'receiver_close');
  expect(receiver.error).toMatchObject({ condition: 'amqp:resource-limit-exceeded' });
});

test('a message of another format is rejected', async () => {
  const { sender } = await openDevice();
  const rejected = event(sender, 'rejected');
  sender.send(amqp.encode({ body: 'a' }), undefined, 0x80013700);
  const { delivery } = await rejected;
  expect((delivery?.remote_state as any).error.description).toContain('malformed');
});

test('a device that registers is none of the hub: its faults leave it alone', async () => {
  const { admin } = hub.emulator;
  const { request } = await openDevice();
  expect(admin.state().connections.amqp).toBe(0);
  for (const kind of ['closeConnections', 'resetConnections', 'endSessions'] as const) {
    expect(admin.armFault({ kind })).toEqual({ affected: 0 });
  }
  admin.armFault({ kind: 'freeze' });
  try {
    expect(jsonOf(await request(REGISTER))).toMatchObject({ status: 'assigning' });
    await event(connect({ servername: PROVISIONING.globalHostName }), 'connection_open');
  } finally {
    admin.clearFaults();
  }
});

test('the log names the registrations, without their tokens', async () => {
  const { request } = await openDevice();
  await request(REGISTER);
  await closeError(login('fridge', 7));
  const log = lines.join('\n');
  expect(log).toMatch(/debug amqps \S+ opened a connection for provisioning: accepted$/m);
  expect(log).toMatch(
    /debug amqps \S+ opened a connection for provisioning: rejected with amqp:unauthorized-access$/m,
  );
  expect(log).toMatch(/debug amqps \S+ registration 'fridge': register, 202$/m);
  expect(log).not.toMatch(/sig=/);
});
