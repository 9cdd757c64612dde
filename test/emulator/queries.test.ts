import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emulatorAgent } from '../azureSdks';
import { startHub, type TestHub } from './hub';

const { Registry } = createRequire(import.meta.url)('azure-iothub') as typeof IotHub;

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
  for (let n = 0; n < 7; n++) {
    await hub.register(`d${n}`, n === 6 ? { status: 'disabled' } : {});
    const tags = { location: { region: n < 3 ? 'US' : 'EU' }, n, ...(n === 2 && { special: null }) };
    await hub.call('PATCH', `/twins/d${n}`, { tags, properties: { desired: { config: { level: n % 2 } } } });
  }
});
afterAll(() => hub.close());

const query = (text: string, headers?: Record<string, string>) =>
  hub.call('POST', '/devices/query', { query: text }, headers);
const ids = async (where: string) =>
  (await query(`SELECT * FROM devices WHERE ${where}`)).json.map((twin: any) => twin.deviceId).join(' ');

describe('SELECT * FROM devices WHERE', () => {
  test.each([
    ["tags.location.region = 'US'", 'd0 d1 d2'],
    ['tags.location.region = "US" AND properties.desired.config.level >= 1', 'd1'],
    ["tags.location.region != 'US' and tags.n < 5", 'd3 d4'],
    ["deviceId IN ['d1', 'd5']", 'd1 d5'],
    ["deviceId NIN ['d0', 'd1', 'd2', 'd3', 'd4']", 'd5 d6'],
    ['is_defined(tags.location)', 'd0 d1 d2 d3 d4 d5 d6'],
    ['NOT is_defined(tags.location.country) AND tags.n > 5', 'd6'],
    ["status = 'disabled' OR tags.n = 0", 'd0 d6'],
    ['(tags.n = 1 OR tags.n = 2) AND NOT (tags.n = 1)', 'd2'],
    ['tags.n * 2 + 1 = 0x7', 'd3'],
    ["tags.n = '1'", ''],
    ['tags.location = 1', ''],
    ['tags.unknown != 1', ''],
    ["devices.deviceId = 'd\\u0031'", 'd1'],
    ["tags.[[location]].region <> 'EU' AND tags.n <= 1", 'd0 d1'],
    ["connectionState = 'Disconnected' AND lastActivityTime < '2020-01-01T00:00:00Z' AND tags.n = 4", 'd4'],
    ['capabilities.iotEdge = true', ''],
    [Array(60).fill('NOT tags.n = 0').join(' AND '), 'd1 d2 d3 d4 d5 d6'],
  ])('%s', async (where, expected) => {
    expect(await ids(where)).toBe(expected);
  });

  test.each([
    'SELECT * FROM devices WHERE',
    'SELECT * FROM devices WHERE a ==',
    "SELECT * FROM devices WHERE STARTS_WITH(deviceId, 'd')",
    'DELETE FROM devices',
    `SELECT * FROM devices WHERE ${'('.repeat(60)}a${')'.repeat(60)}`,
    `SELECT * FROM devices WHERE ${'('.repeat(50)}a`,
    `SELECT * FROM devices WHERE ${'NOT '.repeat(60)}a`,
    `SELECT * FROM devices WHERE ${'NOT (a AND '.repeat(30)}b${')'.repeat(30)}`,
    `SELECT * FROM devices WHERE a = '${')'.repeat(60)}' OR ${'('.repeat(60)}a${')'.repeat(60)}`,
    `SELECT * FROM devices WHERE a = '${'x'.repeat(9_000)}'`,
  ])('%s is a 400', async (text) => {
    const { status, json } = await query(text);
    expect({ status, message: json.Message }).toEqual({
      status: 400,
      message: expect.stringContaining('ErrorCode:ArgumentInvalid'),
    });
  });

  test('of something else than devices is not emulated', async () => {
    expect((await query('SELECT * FROM devices.jobs')).status).toBe(501);
  });
});

test('counts and groups', async () => {
  const text =
    'SELECT tags.location.region AS region, COUNT() AS devices, AVG(tags.n) AS average FROM devices GROUP BY tags.location.region';
  const { json, headers } = await query(text);
  expect(json).toEqual([
    { region: 'US', devices: 3, average: 1 },
    { region: 'EU', devices: 4, average: 4.5 },
  ]);
  expect(headers['x-ms-item-type']).toBe('Raw');
  expect((await query('SELECT COUNT() AS n, MAX(tags.n) AS last FROM devices')).json).toEqual([
    { n: 7, last: 6 },
  ]);
  expect((await query('SELECT TOP 2 deviceId, tags.n AS number FROM devices')).json).toEqual([
    { deviceId: 'd0', number: 0 },
    { deviceId: 'd1', number: 1 },
  ]);
});

test('pages neither repeat nor skip devices, while others are deleted', async () => {
  const first = await query('SELECT * FROM devices', { 'x-ms-max-item-count': '3' });
  expect(first.json).toHaveLength(3);
  expect(first.headers['x-ms-item-type']).toBe('Twin');
  await hub.register('temporary');
  await hub.call('DELETE', '/devices/temporary');
  const page = (text: string, continuation: unknown) =>
    query(text, { 'x-ms-max-item-count': '3', 'x-ms-continuation': String(continuation) });
  const second = await page('SELECT * FROM devices', first.headers['x-ms-continuation']);
  const third = await page('SELECT * FROM devices', second.headers['x-ms-continuation']);
  const all = [...first.json, ...second.json, ...third.json].map((twin) => twin.deviceId);
  expect(all).toEqual(['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6']);
  expect(third.headers['x-ms-continuation']).toBeUndefined();
  expect((await page('SELECT * FROM devices WHERE a = 1', first.headers['x-ms-continuation'])).status).toBe(
    400,
  );
});

test('azure-iothub reads the pages of a query', async () => {
  const registry = Registry.fromConnectionString(hub.emulator.connectionStrings.hub('iothubowner'));
  (registry as any)._restApiClient.setOptions({ http: { agent: emulatorAgent(hub.emulator) } });
  const pages = registry.createQuery("SELECT * FROM devices WHERE tags.location.region = 'EU'", 2);
  const found: string[] = [];
  while (pages.hasMoreResults) {
    const { result } = (await pages.nextAsTwin()) as any;
    found.push(...result.map((twin: { deviceId: string }) => twin.deviceId));
  }
  expect(found).toEqual(['d3', 'd4', 'd5', 'd6']);
});

test('statistics count devices and connections', async () => {
  const client = await hub.connect('online');
  expect((await hub.call('GET', '/statistics/service')).json).toEqual({ connectedDeviceCount: 1 });
  expect((await hub.call('GET', '/statistics/devices')).json).toMatchObject({
    totalDeviceCount: 8,
    enabledDeviceCount: 7,
    disabledDeviceCount: 1,
  });
  await client.endAsync();
});
