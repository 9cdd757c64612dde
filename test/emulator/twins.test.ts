import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client, emulatorAgent, registryClient } from '../azureSdks';
import { startHub, type TestHub } from './hub';

const require = createRequire(import.meta.url);
const { Mqtt } = require('azure-iot-device-mqtt');

let hub: TestHub;
let registry: IotHub.Registry;
beforeAll(async () => {
  hub = await startHub();
  registry = registryClient(hub.emulator);
});
afterAll(() => hub.close());

const patchTwin = (deviceId: string, twin: unknown, headers?: Record<string, string>) =>
  hub.call('PATCH', `/twins/${deviceId}`, twin, headers);

async function sdkDevice(deviceId: string) {
  const connection = hub.emulator.connectionStrings.device(deviceId, await hub.register(deviceId));
  const client = Client.fromConnectionString(
    `${connection};GatewayHostName=127.0.0.1:${hub.emulator.mqttPort}`,
    Mqtt,
  );
  await client.setOptions({ ca: hub.emulator.ca });
  await client.open();
  return client;
}

describe('a device twin', () => {
  test('shows the identity, versions and metadata', async () => {
    await hub.register('new');
    const { json, headers } = await hub.call('GET', '/twins/new');
    expect(json).toMatchObject({
      deviceId: 'new',
      etag: 'AAAAAAAAAAE=',
      status: 'enabled',
      connectionState: 'Disconnected',
      authenticationType: 'sas',
      version: 2,
      properties: { desired: { $version: 1 }, reported: { $version: 1 } },
      capabilities: { iotEdge: false },
    });
    expect(headers.etag).toBe('"AAAAAAAAAAE="');
    expect((await hub.call('GET', '/twins/nobody')).status).toBe(404);
  });

  test('merges tags and desired properties, and removes what is null', async () => {
    await hub.register('m');
    await patchTwin('m', {
      tags: { a: 1, b: { c: 1, d: 2 } },
      properties: { desired: { x: { y: 1, z: 2 } } },
    });
    const { json } = await patchTwin('m', {
      tags: { a: null, b: { c: null, e: [1] } },
      properties: { desired: { x: { y: 3, z: null }, $version: 9, $metadata: {} } },
    });
    expect(json.tags).toEqual({ b: { d: 2, e: [1] } });
    expect(json.properties.desired).toMatchObject({ x: { y: 3 }, $version: 3 });
    expect(json.properties.desired.$metadata.x.y.$lastUpdated).toMatch(/^\d{4}-.*Z$/);
    expect(json.properties.desired.$metadata.x.z).toBeUndefined();
    expect(json).toMatchObject({ version: 4, etag: 'AAAAAAAAAAM=' });
  });

  test('is emptied by null', async () => {
    await hub.register('emptied');
    const full = { tags: { a: 1 }, properties: { desired: { b: { c: 2 }, d: 3 } } };
    await hub.call('PATCH', '/twins/emptied', full);
    const { status, json } = await hub.call('PATCH', '/twins/emptied', {
      tags: null,
      properties: { desired: null },
    });
    expect(status).toBe(200);
    expect(json.tags).toBeUndefined();
    expect(Object.keys(json.properties.desired)).toEqual(['$metadata', '$version']);
    expect(json.properties.desired.$version).toBe(3);
  });

  test('is replaced by a PUT, and goes with its device', async () => {
    await hub.register('r');
    await patchTwin('r', { tags: { a: 1 }, properties: { desired: { x: 1 } } });
    const { json } = await hub.call('PUT', '/twins/r', { tags: { b: 2 }, properties: { desired: { y: 2 } } });
    expect(json.tags).toEqual({ b: 2 });
    expect(json.properties.desired).toMatchObject({ y: 2, $version: 3 });
    expect(json.properties.desired.x).toBeUndefined();
    await hub.call('DELETE', '/devices/r');
    await hub.register('r');
    expect((await hub.call('GET', '/twins/r')).json).toMatchObject({ version: 2 });
  });

  test('is only changed with its current ETag', async () => {
    await hub.register('e');
    const etag = '"AAAAAAAAAAE="';
    expect((await patchTwin('e', { tags: { a: 1 } }, { 'if-match': etag })).status).toBe(200);
    expect((await patchTwin('e', { tags: { a: 2 } }, { 'if-match': etag })).status).toBe(412);
    expect((await patchTwin('e', { tags: { a: 2 } }, { 'if-match': '*' })).status).toBe(200);
  });

  const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });
  test.each<[string, unknown, number]>([
    ['a key with a period', { tags: { 'a.b': 1 } }, 400],
    ['a key with a dollar', { tags: { $a: 1 } }, 400],
    ['a string above 4 KB', { tags: { a: 'x'.repeat(4_097) } }, 400],
    ['tags above 8 KB', { tags: { a: 'x'.repeat(4_096), b: 'x'.repeat(4_096) } }, 400],
    ['an integer out of range', { tags: { a: 4_503_599_627_370_496 } }, 400],
    ['eleven levels', { tags: nested(11) }, 400],
    ['ten levels', { tags: nested(10) }, 200],
    ['8 KB of tags, with their keys', { tags: { a: 'x'.repeat(4_096), b: 'x'.repeat(4_094) } }, 200],
    ['tags that are no object', { tags: [] }, 400],
    ['no object', 1, 400],
  ])('with %s', async (_, twin, status) => {
    await hub.register('limits');
    expect((await patchTwin('limits', twin)).status).toBe(status);
    await hub.call('DELETE', '/devices/limits');
  });
});

describe('azure-iot-device-mqtt and azure-iothub', () => {
  test('share desired and reported properties', async () => {
    const client = await sdkDevice('shared');
    const twin = await client.getTwin();
    expect(twin.properties.desired.$version).toBe(1);
    const change = new Promise<any>((resolve) => {
      twin.on('properties.desired.interval', (value) => {
        resolve(value);
      });
    });
    const service = (await registry.getTwin('shared')).responseBody;
    await service.update({ tags: { store: 7 }, properties: { desired: { interval: 5 } } });
    expect(await change).toBe(5);
    await new Promise<void>((resolve, reject) =>
      twin.properties.reported.update({ interval: 5, old: null }, (error: Error | undefined) =>
        error ? reject(error) : resolve(),
      ),
    );
    const seen = (await registry.getTwin('shared')).responseBody as any;
    expect(seen).toMatchObject({
      tags: { store: 7 },
      connectionState: 'Connected',
      properties: { reported: { interval: 5, $version: 2 } },
    });
    await client.close();
  });

  test('meet the errors of a fault', async () => {
    const client = await sdkDevice('faulty');
    hub.emulator.admin.armFault({ kind: 'throttle', target: 'twins', times: 1 });
    await expect(registry.getTwin('faulty')).rejects.toThrow(/throttled/i);
    hub.emulator.admin.armFault({ kind: 'serverError', target: 'twins', times: 1 });
    await expect(client.getTwin()).rejects.toThrow();
    await client.close();
  });

  test('call direct methods', async () => {
    const { Client: ServiceClient } = require('azure-iothub') as typeof IotHub;
    const service = ServiceClient.fromConnectionString(hub.emulator.connectionStrings.hub('service'));
    (service as any)._restApiClient.setOptions({ http: { agent: emulatorAgent(hub.emulator) } });
    const client = await sdkDevice('methods');
    const call = (methodName: string, options: object = {}) =>
      service.invokeDeviceMethod('methods', {
        methodName,
        payload: { a: 1 },
        responseTimeoutInSeconds: 5,
        ...options,
      });
    await expect(call('reboot')).rejects.toMatchObject({ response: { statusCode: 404 } });
    client.onDeviceMethod('reboot', (request, response) => {
      response.send(201, { got: request.payload }, () => undefined);
    });
    const { result } = await call('reboot', { connectTimeoutInSeconds: 10 });
    expect(result).toEqual({ status: 201, payload: { got: { a: 1 } } });
    await client.close();
  });
});

describe('POST /twins/{id}/methods', () => {
  test('is a 504 when the device does not respond, and a 404 when it is not connected', async () => {
    const client = await hub.connect('mute');
    await client.subscribeAsync('$iothub/methods/POST/#');
    const late = hub.call('POST', '/twins/mute/methods', { methodName: 'a', responseTimeoutInSeconds: 5 });
    const [topic] = await new Promise<[string]>((resolve) =>
      client.once('message', (name) => resolve([name])),
    );
    expect(topic).toMatch(/^\$iothub\/methods\/POST\/a\/\?\$rid=\d+$/);
    expect(await late).toMatchObject({ status: 504, headers: { 'iothub-errorcode': 'GatewayTimeout' } });
    await client.endAsync();
    await expect
      .poll(() => hub.call('POST', '/twins/mute/methods', { methodName: 'a' }))
      .toMatchObject({ status: 404, headers: { 'iothub-errorcode': 'DeviceNotOnline' } });
  });

  test.each([
    { methodName: 'a b' },
    { methodName: 'a', responseTimeoutInSeconds: 301 },
    { methodName: 'a', connectTimeoutInSeconds: -1 },
    { methodName: 'a', payload: JSON.parse('['.repeat(101) + ']'.repeat(101)) },
    {},
  ])('%j is a 400', async (body) => {
    expect((await hub.call('POST', '/twins/new/methods', body)).status).toBe(400);
  });
});

test('a device that reports something invalid, or with an old version, gets the status', async () => {
  const client = await hub.connect('raw');
  await client.subscribeAsync('$iothub/twin/res/#');
  const request = async (topic: string, payload: string) => {
    const response = new Promise<[string, string]>((resolve) =>
      client.once('message', (name, body) => resolve([name, body.toString()])),
    );
    await client.publishAsync(topic, payload, { qos: 1 });
    return response;
  };
  const reported = '$iothub/twin/PATCH/properties/reported/';
  expect(await request(`${reported}?$rid=1`, '{"a":1}')).toEqual([
    '$iothub/twin/res/204/?$rid=1&$version=2',
    '',
  ]);
  expect((await request(`${reported}?$rid=2&$version=1`, '{"a":1}'))[0]).toBe('$iothub/twin/res/412/?$rid=2');
  expect((await request(`${reported}?$rid=3`, '{"a.b":1}'))[0]).toBe('$iothub/twin/res/400/?$rid=3');
  expect((await request(`${reported}?$rid=4`, 'no json'))[0]).toBe('$iothub/twin/res/400/?$rid=4');
  expect(await request('$iothub/twin/GET/?$rid=5', '')).toEqual([
    '$iothub/twin/res/200/?$rid=5',
    '{"desired":{"$version":1},"reported":{"a":1,"$version":2}}',
  ]);
});
