import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as IotHub from 'azure-iothub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registryClient } from '../azureSdks';
import { startHub, type TestHub } from './hub';

let hub: TestHub;
let registry: IotHub.Registry;
beforeAll(async () => {
  hub = await startHub();
  registry = registryClient(hub.emulator);
});
afterAll(() => hub.close());

const put = (path: string, headers = {}) => hub.call('PUT', path, {}, headers);

describe('azure-iothub', () => {
  test('adds, lists, gets, updates and removes modules', async () => {
    await hub.register('sdk');
    const { responseBody: added } = await registry.addModule({
      deviceId: 'sdk',
      moduleId: 'a',
      managedBy: 'me',
    });
    await registry.addModule({ deviceId: 'sdk', moduleId: 'b' });
    expect(added).toMatchObject({ deviceId: 'sdk', moduleId: 'a', managedBy: 'me' });
    expect(added).toMatchObject({ connectionState: 'Disconnected', cloudToDeviceMessageCount: 0 });
    const { responseBody: listed } = await registry.getModulesOnDevice('sdk');
    expect(listed.map(({ moduleId }) => moduleId)).toEqual(['a', 'b']);

    const { responseBody: module } = await registry.getModule('sdk', 'a');
    const { primaryKey, secondaryKey } = module.authentication?.symmetricKey ?? {};
    const swapped = { primaryKey: secondaryKey, secondaryKey: primaryKey };
    Object.assign(module, { authentication: { type: 'sas', symmetricKey: swapped } });
    const { responseBody: updated } = await registry.updateModule(module);
    expect(updated.authentication?.symmetricKey).toEqual(swapped);
    expect(updated).toMatchObject({ generationId: (module as any).generationId, managedBy: 'me' });
    await expect(registry.updateModule(module)).rejects.toMatchObject({ name: 'InvalidEtagError' });
    await registry.updateModule(module, true);

    const stale = { 'if-match': `"${updated.etag ?? ''}"` };
    expect((await hub.call('DELETE', '/devices/sdk/modules/a', undefined, stale)).status).toBe(412);
    await registry.removeModule('sdk', 'a');
    expect((await registry.getModulesOnDevice('sdk')).responseBody).toHaveLength(1);
    await expect(registry.getModule('sdk', 'a')).rejects.toMatchObject({ response: { statusCode: 404 } });
  });

  test('gets, updates and queries the twins of modules', async () => {
    await hub.register('twins');
    await registry.addModule({ deviceId: 'twins', moduleId: 'one' });
    await registry.addModule({ deviceId: 'twins', moduleId: '$two' });
    const { responseBody: twin } = await registry.getModuleTwin('twins', 'one');
    const patch = { tags: { floor: 1 }, properties: { desired: { on: true } } };
    const { etag } = twin; // the update changes the object
    await twin.update(patch);
    await expect(
      registry.updateModuleTwin('twins', 'one', patch, etag),
      'an ETag of the twin before the update',
    ).rejects.toMatchObject({ name: 'InvalidEtagError' });
    const { responseBody: changed } = await registry.getModuleTwin('twins', 'one');
    expect(changed).toMatchObject({ moduleId: 'one', tags: { floor: 1 } });
    expect(changed.properties.desired.on).toBe(true);
    const { json: device } = await hub.call('GET', '/twins/twins');
    expect([device.tags, device.moduleId]).toEqual([undefined, undefined]);

    const ids = async (query: string) => {
      const page = (await registry.createQuery(query, 1).next()) as any;
      return page.result.map(({ deviceId, moduleId }: any) => [deviceId, moduleId]);
    };
    expect(await ids("SELECT * FROM devices.modules WHERE devices.modules.moduleId = '$two'")).toEqual([
      ['twins', '$two'],
    ]);
    expect(await ids("SELECT * FROM devices.modules WHERE devices.deviceId = 'twins'")).toEqual([
      ['twins', 'one'],
    ]);
    expect(await ids('SELECT deviceId, moduleId FROM devices.modules WHERE tags.floor = 1')).toEqual([
      ['twins', 'one'],
    ]);
    expect(await ids("SELECT * FROM devices WHERE deviceId = 'twins'")).toEqual([['twins', undefined]]);
  });
});

test('the errors have the codes of IoT Hub', async () => {
  await hub.register('errors');
  await put('/devices/errors/modules/m');
  const cases: [string, string, number, number | string][] = [
    ['GET', '/devices/errors/modules/unknown', 404, 404010],
    ['GET', '/twins/errors/modules/unknown', 404, 404010],
    ['POST', '/twins/errors/modules/unknown/methods', 404, 404010],
    ['PUT', '/devices/errors/modules/m', 409, 409301],
    ['GET', '/devices/unknown/modules/m', 404, 'DeviceNotFound'],
    ['PUT', '/devices/unknown/modules/m', 404, 'DeviceNotFound'],
    ['GET', '/devices/unknown/modules', 404, 'DeviceNotFound'],
    ['PUT', '/devices/errors/modules/a%20b', 400, 'ArgumentInvalid'],
    ['GET', '/twins/errors%2Fm', 400, 'ArgumentInvalid'],
    ['POST', '/devices/errors%2Fm/messages/events', 400, 'ArgumentInvalid'],
    ['PUT', '/devices/errors%2Fm', 400, 'ArgumentInvalid'],
    ['GET', '/devices/errors%2Fm', 404, 'DeviceNotFound'],
    ['POST', '/devices/errors/modules/m/messages/events', 501, 'NotImplemented'],
  ];
  for (const [method, path, status, code] of cases) {
    const body = method === 'GET' ? undefined : { methodName: 'x' };
    const { json, ...response } = await hub.call(method, path, body);
    const shown = typeof code === 'number' ? json.errorCode : json.Message;
    expect([path, response.status, String(shown)]).toEqual([
      path,
      status,
      expect.stringContaining(`${code}`),
    ]);
  }
  expect((await hub.call('GET', '/devices/errors/modules/unknown')).headers['iothub-errorcode']).toBe(
    'ModuleNotFound',
  );
  const other = { deviceId: 'errors', moduleId: 'other' };
  expect((await hub.call('PUT', '/devices/errors/modules/new', other)).status).toBe(400);
  const offline = await hub.call('POST', '/twins/errors/modules/m/methods', { methodName: 'x' });
  expect([offline.status, JSON.parse(offline.json.Message).errorCode]).toEqual([404, 404103]);
});

test('a device has at most 50 modules', async () => {
  await hub.register('full');
  for (let n = 0; n < 50; n++) expect((await put(`/devices/full/modules/m${n}`)).status).toBe(200);
  const refused = await put('/devices/full/modules/m50');
  expect([refused.status, refused.json.errorCode]).toEqual([413, 413003]);
  await hub.call('DELETE', '/devices/full/modules/m0');
  expect((await put('/devices/full/modules/m50')).status).toBe(200);
});

test('a device that is created again has none of its earlier modules', async () => {
  await hub.register('again');
  await put('/devices/again/modules/m');
  await hub.call('PATCH', '/twins/again/modules/m', { tags: { old: true } });
  await hub.call('DELETE', '/devices/again');
  expect((await hub.call('GET', '/twins/again/modules/m')).status).toBe(404);
  await hub.register('again');
  expect((await hub.call('GET', '/devices/again/modules')).json).toEqual([]);
  await put('/devices/again/modules/m');
  expect((await hub.call('GET', '/twins/again/modules/m')).json.tags).toBeUndefined();
});

test('a bulk request creates, changes and deletes modules', async () => {
  const bulk = async (...items: object[]) => (await hub.call('POST', '/devices', items)).json;
  const module = { id: 'bulk', moduleId: 'm' };
  const done = { isSuccessful: true };
  expect(await bulk({ id: 'bulk', importMode: 'create' }, { ...module, importMode: 'create' })).toMatchObject(
    done,
  );
  expect(await bulk({ ...module, importMode: 'update', managedBy: 'me' })).toMatchObject(done);
  const { json } = await hub.call('GET', '/devices/bulk/modules/m');
  expect(json).toMatchObject({ managedBy: 'me' });
  const wrong = { ...module, importMode: 'updateIfMatchETag', eTag: 'AAAA' };
  expect(await bulk(wrong)).toMatchObject({
    isSuccessful: false,
    errors: [{ deviceId: 'bulk', moduleId: 'm', errorCode: 412_001 }],
  });
  expect(await bulk({ ...module, importMode: 'deleteIfMatchETag', eTag: json.etag })).toMatchObject(done);
  expect((await hub.call('GET', '/devices/bulk/modules')).json).toEqual([]);
});

test('a data folder keeps modules and their twins', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  let kept = await startHub({ dataFolder });
  await kept.register('device');
  const { json: before } = await kept.call('PUT', '/devices/device/modules/m', {});
  await kept.call('PUT', '/devices/device/modules/deleted', {});
  await kept.call('PATCH', '/twins/device/modules/m', { tags: { floor: 2 } });
  await kept.call('DELETE', '/devices/device/modules/deleted');
  await kept.register('gone');
  await kept.call('PUT', '/devices/gone/modules/m', {});
  await kept.call('DELETE', '/devices/gone');
  await kept.close();
  kept = await startHub({ dataFolder });
  const { json: after } = await kept.call('GET', '/devices/device/modules');
  expect(after).toEqual([before]);
  expect((await kept.call('GET', '/twins/device/modules/m')).json.tags).toEqual({ floor: 2 });
  await kept.register('gone');
  expect((await kept.call('GET', '/devices/gone/modules')).json).toEqual([]);
  await kept.close();
  await rm(dataFolder, { recursive: true, force: true });
});
