import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDataFolderLog } from '../../emulator/dataFolder/dataFolderError';
import { openJournal } from '../../emulator/dataFolder/journal';
import { type SeedInput, startEmulator } from '../../emulator/index';
import { createLog } from '../../emulator/log';
import { HUB_HOST_NAME } from '../../emulator/wellKnown';
import { receiveEvents } from '../azureSdks';
import { connected, startHub, type TestHub } from './hub';

const KEY = Buffer.from('the key of the fridge').toString('base64');
const SEED: SeedInput = {
  devices: [
    {
      deviceId: 'fridge',
      authentication: { symmetricKey: { primaryKey: KEY } },
      tags: { store: 7 },
      desired: { interval: 30 },
      messages: [{ body: { defrost: true }, messageId: 'm1', properties: { urgent: 'no' } }],
    },
    {
      deviceId: 'door',
      status: 'disabled',
      statusReason: 'broken',
      modules: [
        {
          moduleId: 'lock',
          managedBy: 'a person',
          authentication: { symmetricKey: { primaryKey: KEY } },
          tags: { floor: 1 },
          desired: { isOpen: true },
        },
        { moduleId: 'bell' },
      ],
    },
  ],
  telemetry: [
    { deviceId: 'fridge', body: { temperature: 4 }, properties: { kind: 'first' } },
    { deviceId: 'fridge', body: 'plain', contentType: 'text/plain' },
  ],
};

let folder: string;
let hub: TestHub | undefined;
let lines: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
});
afterEach(async () => {
  await hub?.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(seed: string | SeedInput, dataFolder?: string): Promise<TestHub> {
  lines = [];
  const log = (line: string): void => void lines.push(line);
  return (hub = await startHub({ seed, log, ...(dataFolder !== undefined && { dataFolder }) }));
}

test('modules of the devices are registered with their keys and twins', async () => {
  const { emulator, call } = await start(SEED);
  const { status, json } = await call('GET', '/devices/door/modules/lock');
  expect([status, json]).toMatchObject([
    200,
    { managedBy: 'a person', authentication: { type: 'sas', symmetricKey: { primaryKey: KEY } } },
  ]);
  expect((await call('GET', '/twins/door/modules/lock')).json).toMatchObject({
    tags: { floor: 1 },
    properties: { desired: { isOpen: true } },
  });
  expect((await call('GET', '/devices/door/modules')).json).toHaveLength(2);
  expect(emulator.admin.devices({ search: 'door' }).devices).toMatchObject([
    {
      deviceId: 'door',
      modules: [{ moduleId: 'lock', connectionState: 'Disconnected' }, { moduleId: 'bell' }],
    },
  ]);
  expect(emulator.admin.twin('door/lock')).toMatchObject({ moduleId: 'lock' });
  expect((await call('GET', '/_emulator/devices/door%2Flock/twin')).json).toMatchObject({ moduleId: 'lock' });
  expect(() => emulator.admin.twin('door/key')).toThrow('there is no device or module with this id');
});

test('what the file contains, devices, services and readers find', async () => {
  const file = join(folder, 'seed.json');
  await writeFile(file, `\uFEFF${JSON.stringify(SEED)}`);
  const { emulator, call, mqttOptions } = await start(file);
  const device = mqtt.connect(mqttOptions('fridge', KEY));
  const received = new Promise<[string, Buffer]>((resolve) => {
    device.once('message', (topic, payload) => resolve([topic, payload]));
  });
  await connected(device);
  await device.subscribeAsync('devices/fridge/messages/devicebound/#', { qos: 1 });
  const [topic, payload] = await received;
  expect(JSON.parse(payload.toString())).toEqual({ defrost: true });
  expect(topic).toContain('urgent=no');
  await device.endAsync();
  expect((await call('GET', '/twins/fridge')).json).toMatchObject({
    tags: { store: 7 },
    properties: { desired: { interval: 30 } },
  });
  expect((await call('GET', '/devices/door')).json).toMatchObject({ status: 'disabled' });
  const events = await receiveEvents(emulator.connectionStrings.eventHub('service'), 2);
  expect(events[0]?.body).toEqual({ temperature: 4 });
  expect(String(events[1]?.body)).toBe('plain');
  expect(events[0]?.properties).toEqual({ kind: 'first' });
});

describe('with a data folder, the seed is applied once in the life of the hub:', () => {
  test('not at the next start, and not after everything was deleted', async () => {
    const data = join(folder, 'data');
    await start(SEED, data);
    expect(lines.join()).toContain('info the seed was applied: 2 devices, 2 telemetry messages');
    await hub?.close();
    const { emulator, call } = await start(SEED, data);
    expect(emulator.admin.state()).toMatchObject({ devices: 2, messages: 2 });
    expect((await call('GET', '/devices/fridge')).json).toMatchObject({ cloudToDeviceMessageCount: 1 });
    emulator.admin.reset();
    await hub?.close();
    expect((await start(SEED, data)).emulator.admin.state()).toMatchObject({ devices: 0, messages: 0 });
    expect(lines.join()).toContain('was applied at an earlier start');
  });

  test('a start without a seed empties a hub whose seed was interrupted, and no later start does', async () => {
    const data = join(folder, 'data');
    hub = await startHub({ dataFolder: data });
    await hub.register('half');
    await hub.close();
    const log = createDataFolderLog(
      data,
      createLog('info', () => undefined),
    );
    const journal = openJournal(join(data, HUB_HOST_NAME, 'state.log'), log);
    journal.write(['seed/state', 'begun']);
    journal.close();
    hub = await startHub({ dataFolder: data });
    expect(hub.emulator.admin.state()).toMatchObject({ devices: 0 });
    await hub.register('own');
    await hub.close();
    expect((await start(SEED, data)).emulator.admin.state()).toMatchObject({ devices: 1, messages: 0 });
    expect(lines.join()).toContain('the hub is not empty');
  });

  test('not to a hub that has devices', async () => {
    const data = join(folder, 'data');
    hub = await startHub({ dataFolder: data });
    await hub.register('other');
    await hub.close();
    expect((await start(SEED, data)).emulator.admin.state()).toMatchObject({ devices: 1, messages: 0 });
    expect(lines.join()).toContain('the hub is not empty');
  });

  test('and a seed that failed leaves an empty hub, so that the corrected one is applied', async () => {
    const data = join(folder, 'data');
    const wrong: SeedInput = { devices: [{ deviceId: 'd', messages: [{ body: 'x'.repeat(70_000) }] }] };
    await expect(
      startEmulator({ partitions: 1, caFolder: folder, seed: wrong, dataFolder: data }),
    ).rejects.toThrow('devices[0].messages[0]: ');
    expect((await start(SEED, data)).emulator.admin.state()).toMatchObject({ devices: 2, messages: 2 });
  });
});

describe('a seed is rejected with the path of the error, and without values:', () => {
  const device = (fields: object): object => ({
    devices: [{ deviceId: 'ok' }, { deviceId: 'd', ...fields }],
  });
  test.each<[string, object]>([
    ['devcies', { devcies: [] }],
    ['devices[1].deviceId: ', device({ deviceId: 7 })],
    ['devices[1].deviceId: is not unique', device({ deviceId: 'ok' })],
    ['devices[1].deviceId: Device id', device({ deviceId: 'with space' })],
    ['devices[1].status: ', device({ status: 'broken' })],
    [
      'devices[1].authentication.symmetricKey.primaryKey: A symmetric key',
      device({ authentication: { symmetricKey: { primaryKey: 'SECRET' } } }),
    ],
    ['devices[1].statusReason: ', device({ statusReason: 'x'.repeat(129) })],
    [
      'devices[1].authentication.x509Thumbprint.primaryThumbprint: must be',
      device({ authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'SECRET' } } }),
    ],
    ['devices[1].tags: tags', device({ tags: { 'a.b': 1 } })],
    ['devices[1].desired: desired', device({ desired: { deep: { text: 'x'.repeat(5_000) } } })],
    [
      'devices[1].tags: The document exceeds',
      device({ tags: { a: 'x'.repeat(4_000), b: 'x'.repeat(4_000), c: 'x'.repeat(4_000) } }),
    ],
    ['devices[1].statusReason: has half of', device({ statusReason: '\ud83d' })],
    ['devices[1].messages[0].body: has half of', device({ messages: [{ body: '\ude00' }] })],
    ['devices[1].messages[0].ack: ', device({ messages: [{ body: 1, ack: 'SECRET' }] })],
    [
      'devices[1].messages: has more than 50',
      device({ messages: Array.from({ length: 51 }, () => ({ body: 1 })) }),
    ],
    ['devices[1].messages[0]: The message exceeds', device({ messages: [{ body: 'x'.repeat(70_000) }] })],
    ['telemetry[0].properties.n: ', { telemetry: [{ deviceId: 'd', body: 1, properties: { n: 5 } }] }],
    ['telemetry[0].deviceId: is not the id of a device', { telemetry: [{ deviceId: 'd', body: 1 }] }],
  ])('%s', async (path, seed) => {
    const failed = await startEmulator({ caFolder: folder, seed: seed as SeedInput }).catch(
      (error: unknown) => error as Error,
    );
    expect(failed).toBeInstanceOf(Error);
    const { name, message } = failed as Error;
    expect(name).toBe('SeedError');
    expect(message).toContain(path);
    expect(message).not.toContain('SECRET');
  });

  test.each([
    ['modules[0].moduleId', [{ moduleId: 'a b' }]],
    ['modules[0].tags', [{ moduleId: 'a', tags: { 'a.b': 1 } }]],
    ['modules[1]', [{ moduleId: 'a' }, { moduleId: 'a' }]],
    ['modules', Array.from({ length: 51 }, (_, index) => ({ moduleId: `m${index}` }))],
  ])('a module is named if it is wrong: %s', async (path, modules) => {
    const seed = { devices: [{ deviceId: 'door', modules }] };
    await expect(startEmulator({ caFolder: folder, seed })).rejects.toThrow(`devices[0].${path}: `);
  });

  test('every wrong value is named, up to twenty', async () => {
    const messageOf = (seed: object) =>
      startEmulator({ caFolder: folder, seed: seed as SeedInput }).then(
        () => '',
        (error: unknown) => (error as Error).message,
      );
    const fields = await messageOf({
      devices: [
        { deviceId: 'a b', status: 'broken', tags: { 'a.b': 1 } },
        { deviceId: 'c', authentication: { symmetricKey: { primaryKey: 'SECRET', secondaryKey: 'SECRET' } } },
      ],
      telemetry: [{ body: 1 }],
    });
    for (const path of [
      'devices[0].deviceId',
      'devices[0].status',
      'devices[0].tags',
      'devices[1].authentication.symmetricKey.primaryKey',
      'devices[1].authentication.symmetricKey.secondaryKey',
      'telemetry[0].deviceId',
    ]) {
      expect(fields).toContain(`${path}: `);
    }
    expect(fields).not.toContain('SECRET');
    const references = await messageOf({
      devices: [{ deviceId: 'a' }, { deviceId: 'a' }, { deviceId: 'a' }],
      telemetry: [{ deviceId: 'b', body: 1 }],
    });
    expect(references).toMatch(/devices\[1\]\S+: .*devices\[2\]\S+: .*telemetry\[0\]\.deviceId: /);
    const body = 'x'.repeat(70_000);
    const sizes = await messageOf({
      devices: ['a', 'b'].map((deviceId) => ({ deviceId, messages: [{ body }] })),
      telemetry: [{ deviceId: 'b', body: body.repeat(4) }],
    });
    expect(sizes).toMatch(/devices\[0\]\.messages\[0\]: .*devices\[1\]\.messages\[0\]: .*telemetry\[0\]: /);
    const many = await messageOf({ devices: Array.from({ length: 1_000 }, () => ({ deviceId: '' })) });
    expect(many.match(/devices\[/g)).toHaveLength(20);
    expect(many).toMatch(/and \d+ more errors$/);
  });

  test('a value that only the hub rejects is named with its file', async () => {
    const file = join(folder, 'large.json');
    const messages = [{ body: 'x'.repeat(70_000) }];
    await writeFile(file, JSON.stringify({ devices: [{ deviceId: 'a', messages }] }));
    const starting = startEmulator({ caFolder: folder, seed: file });
    await expect(starting).rejects.toThrow(`${file} is not valid: devices[0].messages[0]: `);
  });

  test('a syntax error has its line, and no part of the file', async () => {
    const file = join(folder, 'seed.json');
    await writeFile(file, '{\n  "devices": [{ "deviceId": "d", "primaryKey": SECRET }]\n}');
    const failed: unknown = await startEmulator({ caFolder: folder, seed: file }).catch(
      (error: unknown) => error,
    );
    expect(String(failed)).toMatch(/seed\.json is not valid JSON/);
    expect(String(failed)).not.toContain('SECRET');
    await expect(startEmulator({ caFolder: folder, seed: join(folder, 'absent.json') })).rejects.toThrow(
      'absent.json cannot be read (ENOENT)',
    );
  });
});
