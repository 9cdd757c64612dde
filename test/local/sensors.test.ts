/** The simulated store sensors, seen from the feed, and from a service with Microsoft's SDK. */

import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STORES, startFleet } from '../../local/sensors';
import type { Running } from '../../local/lifecycle';
import { emulatorAgent } from '../azureSdks';
import { KEY, type Stack, startStack } from '../stack';

const { Client, Registry } = createRequire(import.meta.url)('azure-iothub') as typeof IotHub;

/** The sensors send nothing on their own at this interval during a test, in seconds. */
const HOUR_S = 3_600;
const [ginza, osaka] = STORES;

let stack: Stack;
let registry: IotHub.Registry;
let service: IotHub.Client;
let sensors: Running;
const logged: string[] = [];

beforeAll(async () => {
  stack = await startStack();
  const connection = stack.emulator.connectionStrings.hub('iothubowner');
  const agent = emulatorAgent(stack.emulator);
  registry = Registry.fromConnectionString(connection);
  service = Client.fromConnectionString(connection);
  for (const client of [registry, service]) (client as any)._restApiClient.setOptions({ http: { agent } });
  for (const { deviceId, deviceKey } of STORES) {
    await stack.register(deviceId, deviceKey);
    await desire(deviceId, HOUR_S);
  }
  sensors = await startFleet({
    functionsUrl: stack.host.url,
    functionKey: KEY,
    mqttPort: stack.emulator.mqttPort,
    caFile: stack.emulator.caFile,
    log: (line) => logged.push(line),
  });
}, 60_000);
afterAll(async () => {
  await sensors.close();
  await stack.close();
});

async function desire(deviceId: string, reportingInterval: unknown): Promise<void> {
  const twin = (await registry.getTwin(deviceId)).responseBody;
  await twin.update({ properties: { desired: { reportingInterval } } });
}

const reported = async (deviceId: string): Promise<any> =>
  (await registry.getTwin(deviceId)).responseBody.properties.reported;

let cursor = '0';
const received: any[] = [];
/** Polls the feed as a worker does, until so many sensor messages match. */
async function messages(count: number, matches: (message: any) => boolean): Promise<any[]> {
  for (;;) {
    const found = received.filter(matches);
    if (found.length >= count) return found;
    const { json } = await stack.feed({ after_offset: cursor, wait: 5 });
    received.push(...json.messages);
    cursor = json.next_offset;
  }
}

describe('the sensors of the stores', () => {
  test('are devices of their own, whose temperatures are in the feed', async () => {
    const found = await messages(STORES.length, ({ body }) => body.sensor.event === 'temperature');
    expect(found.map(({ deviceId, body }) => [deviceId, body.sensor.store]).sort()).toEqual(
      STORES.map(({ deviceId, name }) => [deviceId, name]),
    );
    for (const { body, contentType, createdAt, messageId } of found) {
      expect(body.sensor).toEqual({
        event: 'temperature',
        store: expect.any(String),
        temperature: expect.any(Number),
        door: expect.stringMatching(/^(?:open|closed)$/),
        reporting_interval: expect.any(Number),
      });
      expect([contentType, typeof createdAt, typeof messageId]).toEqual([
        'application/json',
        'string',
        'string',
      ]);
    }
    const { responseBody } = await registry.get(ginza?.deviceId ?? '');
    expect(responseBody).toMatchObject({ connectionState: 'Connected', authentication: { type: 'sas' } });
  });

  test('report at the interval that a service desires, and report it back', async () => {
    const { deviceId = '' } = ginza ?? {};
    await expect.poll(() => reported(deviceId)).toMatchObject({ reportingInterval: HOUR_S });
    const isNew = ({ deviceId: sender, body }: any): boolean =>
      sender === deviceId && body.sensor.reporting_interval === 1;
    await desire(deviceId, 1);
    expect(await messages(2, isNew)).toHaveLength(2);
    expect(await reported(deviceId)).toMatchObject({ reportingInterval: 1 });
    await desire(deviceId, HOUR_S);
    await expect.poll(() => reported(deviceId)).toMatchObject({ reportingInterval: HOUR_S });
  });

  test.each([0, 1.5, '10', 86_401, { every: 5 }])('keep their interval if %j is desired', async (value) => {
    const { deviceId = '' } = osaka ?? {};
    await desire(deviceId, value);
    await expect
      .poll(() => reported(deviceId))
      .toMatchObject({ reportingInterval: HOUR_S, reportingIntervalError: expect.stringContaining('86400') });
    await desire(deviceId, HOUR_S);
    await expect.poll(() => reported(deviceId)).not.toHaveProperty('reportingIntervalError');
  });

  test('send an event when a service opens or closes the door', async () => {
    const { deviceId = '' } = osaka ?? {};
    const setDoor = async (door: string): Promise<any> =>
      (await service.invokeDeviceMethod(deviceId, { methodName: 'setDoor', payload: { door } })).result;
    expect(await setDoor('open')).toEqual({ status: 200, payload: { door: 'open' } });
    expect(await setDoor('closed')).toEqual({ status: 200, payload: { door: 'closed' } });
    expect((await setDoor('ajar')).status).toBe(400);
    const doors = await messages(2, (message) => message.deviceId === deviceId && isDoor(message));
    expect(doors.slice(0, 2).map(({ body }) => [body.sensor.event, body.sensor.door])).toEqual([
      ['door_opened', 'open'],
      ['door_closed', 'closed'],
    ]);
  });

  test('reconnect after the network failed, and then follow what was desired meanwhile', async () => {
    const { deviceId = '' } = ginza ?? {};
    stack.emulator.admin.armFault({ kind: 'dropDevices', deviceId });
    await desire(deviceId, 2);
    await expect.poll(() => reported(deviceId)).toMatchObject({ reportingInterval: 2 });
    expect(logged).toEqual([]);
  });
});

const isDoor = ({ body }: any): boolean => body.sensor.event.startsWith('door_');
