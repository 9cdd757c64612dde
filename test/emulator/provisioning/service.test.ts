import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROVISIONING, startEmulator, type Emulator } from '../../../emulator/index';
import { sasToken } from '../hub';
import { sendTo, VERSION, type Sent } from './provisioningRequests';

const { idScope, hostName, key, policy } = PROVISIONING;
const deviceKey = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const keys = (fill: number) => ({ primaryKey: deviceKey(fill), secondaryKey: deviceKey(fill + 1) });
const symmetric = (fill: number) => ({ type: 'symmetricKey' as const, symmetricKey: keys(fill) });
const seed = {
  provisioning: {
    enrollments: [{ registrationId: 'fridge', attestation: symmetric(1) }],
    enrollmentGroups: [{ enrollmentGroupId: 'shops', attestation: symmetric(3) }],
  },
};

let folder: string;
let emulator: Emulator;
const start = (options: object = {}) =>
  startEmulator({ partitions: 1, caFolder: folder, provisioning: true, ...options });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await start({ seed });
});
afterAll(async () => {
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
});

/** A request as it is, with its status and JSON. */
const send = (method: string, path: string, { to = emulator, ...sent }: Sent & { to?: Emulator } = {}) =>
  sendTo(to, method, path, sent);

const token = (id = 'fridge', fill = 1, expiry = 0) =>
  sasToken(`${idScope}/registrations/${id}`, deviceKey(fill), { policy: 'registration', expiry });
const registerPath = (id = 'fridge') => `/${idScope}/registrations/${id}/register?${VERSION}`;
const serviceToken = () => sasToken(hostName, key, { policy });
const asService = (method: string, path: string, body?: object, to = emulator) =>
  send(method, `${path}?${VERSION}`, { host: hostName, token: serviceToken(), to, ...(body && { body }) });

/** Registers, and returns the result of the operation. */
async function registered(id: string, fill: number, to = emulator): Promise<any> {
  const { json } = await send('PUT', registerPath(id), { token: token(id, fill), to });
  const path = `/${idScope}/registrations/${id}/operations/${json.operationId}?${VERSION}`;
  return (await send('GET', path, { token: token(id, fill), to })).json.registrationState;
}

describe('the REST API for devices', () => {
  test('responds with 202 and an operation, whose result is the hub', async () => {
    const response = await send('PUT', registerPath(), { token: token() });
    expect(response).toMatchObject({ status: 202, json: { status: 'assigning' } });
    expect(await registered('fridge', 2)).toMatchObject({ status: 'assigned', deviceId: 'fridge' });
    expect(
      await send('POST', `/${idScope}/registrations/fridge?${VERSION}`, { token: token() }),
    ).toMatchObject({
      status: 200,
      json: { assignedHub: emulator.hostName },
    });
  });

  test.each([
    ['without a token', {}],
    ['with an expired token', { token: token('fridge', 1, 1_000) }],
    ['with the token of another registration', { token: token('other') }],
    ['with the token of the hub', { token: sasToken('hubfront.azure-devices.localhost', deviceKey(1)) }],
    ['with a token that is no token', { token: 'SharedAccessSignature sr=%zz&sig=&se=1' }],
  ])('rejects a request %s', async (_name, sent) => {
    expect(await send('PUT', registerPath(), sent)).toMatchObject({
      status: 401,
      json: { errorCode: 401_002, message: 'Unauthorized' },
    });
  });

  test.each([
    ['another registration id', { registrationId: 'other' }, 400],
    ['no object', '[]', 400],
    ['what is not JSON', '{"registrationId"', 400],
    ['100,000 levels', '['.repeat(50_000) + ']'.repeat(40_000), 400],
    ['more than 96 KB', `{"payload":"${'a'.repeat(98_304)}"}`, 413],
    ['a TPM', { tpm: { endorsementKey: 'a' } }, 501],
    ['__proto__', '{"__proto__":{"tpm":1}}', 202],
  ])('checks a body with %s', async (_name, body, status) => {
    expect((await send('PUT', registerPath(), { token: token(), body })).status).toBe(status);
  });

  test.each([
    ['GET', `/${idScope}/registrations/fridge/operations/4.0?${VERSION}`, 404],
    ['DELETE', registerPath(), 405],
    ['PUT', registerPath('%zz'), 400],
    ['PUT', registerPath().replace(VERSION, ''), 400],
    ['GET', '/devices/fridge', 400],
  ])('rejects %s %s', async (method, path, status) => {
    expect((await send(method, path, { token: token() })).status).toBe(status);
  });

  test('is at the address of the emulator too, but not at the name of a hub', async () => {
    expect((await send('PUT', registerPath(), { token: token(), host: 'localhost' })).status).toBe(202);
    expect(
      (await send('PUT', registerPath(), { token: token(), host: emulator.hostName })).json,
    ).toHaveProperty('Message');
  });
});

test('keeps enrollments and registrations in the data folder', async () => {
  const dataFolder = join(folder, 'data');
  const first = await start({ dataFolder, seed });
  const before = await registered('fridge', 1, first);
  await asService('DELETE', '/enrollmentGroups/shops', undefined, first);
  await first.close();
  const second = await start({ dataFolder, seed });
  try {
    expect((await asService('GET', '/registrations/fridge', undefined, second)).json).toMatchObject({
      etag: before.etag,
      assignedHub: second.hostName,
    });
    expect((await asService('GET', '/enrollmentGroups/shops', undefined, second)).status).toBe(404);
    expect(await registered('fridge', 1, second)).toMatchObject({
      substatus: 'reprovisionedToInitialAssignment',
      createdDateTimeUtc: before.createdDateTimeUtc,
    });
  } finally {
    await second.close();
  }
});

test('moves a device to another hub with its twin, or with the initial one', async () => {
  const moving = await start({ hub: ['hubfront', 'store'] });
  const [, store] = moving.hubs;
  const update = (change: object) =>
    send('PUT', `/enrollments/mover?${VERSION}`, {
      ...{ host: hostName, token: serviceToken(), to: moving, ifMatch: '*' },
      body: { registrationId: 'mover', attestation: symmetric(5), ...change },
    });
  try {
    const enrollment = {
      registrationId: 'mover',
      attestation: symmetric(5),
      iotHubs: [moving.hostName],
      allocationPolicy: 'static',
      initialTwin: { tags: { floor: 1 } },
    };
    expect((await asService('PUT', '/enrollments/mover', enrollment, moving)).status).toBe(200);
    expect(await registered('mover', 5, moving)).toMatchObject({ substatus: 'initialAssignment' });
    const toStore = { iotHubHostName: store?.hostName, initialTwin: { tags: { floor: 2 } } };
    expect((await update(toStore)).status).toBe(200);
    expect(await registered('mover', 5, moving)).toMatchObject({
      assignedHub: store?.hostName,
      substatus: 'deviceDataMigrated',
    });
    expect(store?.admin.twin('mover')).toMatchObject({ tags: { floor: 1 } });
    expect(moving.admin.devices().devices).toEqual([]);
    await update({
      iotHubHostName: moving.hostName,
      initialTwin: { tags: { floor: 3 } },
      reprovisionPolicy: { migrateDeviceData: false },
    });
    expect(await registered('mover', 5, moving)).toMatchObject({ substatus: 'deviceDataReset' });
    expect(moving.admin.twin('mover')).toMatchObject({ tags: { floor: 3 } });
    await update({ ...toStore, reprovisionPolicy: { updateHubAssignment: false } });
    expect(await registered('mover', 5, moving)).toMatchObject({ assignedHub: moving.hostName });
  } finally {
    await moving.close();
  }
});

test('is off unless asked for', async () => {
  const plain = await start({ provisioning: false });
  try {
    expect(plain.provisioning).toBeUndefined();
    const response = await send('PUT', registerPath(), { token: token(), to: plain, host: 'localhost' });
    expect(response.json).toHaveProperty('Message'); // an error of the hub
    await expect(start({ provisioning: false, seed })).rejects.toThrow('add --provisioning');
  } finally {
    await plain.close();
  }
});

test('names a wrong enrollment of a seed', async () => {
  const enrollments = [{ registrationId: 'fridge', attestation: symmetric(1), iotHubs: ['elsewhere'] }];
  await expect(start({ seed: { provisioning: { enrollments } } })).rejects.toThrow(
    'provisioning.enrollments[0]',
  );
});
