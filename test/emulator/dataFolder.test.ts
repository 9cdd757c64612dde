import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as IotHub from 'azure-iothub';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLog } from '../../emulator/log';
import { createDataFolderLog } from '../../emulator/dataFolder/dataFolderError';
import { RecordFile } from '../../emulator/dataFolder/recordFile';
import { type Emulator, type EmulatorOptions, HUB_HOST_NAME, startEmulator } from '../../emulator/index';
import { deviceClient, emulatorAgent, Message, mqttDevice, receiveEvents } from '../azureSdks';
import { type EmulatorProcess, startEmulatorProcess } from './emulatorProcess';

const { Registry } = createRequire(import.meta.url)('azure-iothub') as typeof IotHub;

let folder: string;
let dataFolder: string;
let emulator: Emulator | undefined;
let lines: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  dataFolder = join(folder, 'data');
  lines = [];
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

const start = async (options: EmulatorOptions = {}): Promise<Emulator> =>
  (emulator = await startEmulator({
    partitions: 1,
    caFolder: folder,
    dataFolder,
    log: (line) => lines.push(line),
    ...options,
  }));

async function stop(): Promise<void> {
  await emulator?.close();
  emulator = undefined;
}

const partitionFolder = () => join(dataFolder, HUB_HOST_NAME, 'partition-0');
const messageFiles = async () =>
  (await readdir(partitionFolder())).sort().map((name) => join(partitionFolder(), name));

function appendToJournal(journal: string, changes: string): void {
  const log = createDataFolderLog(
    '',
    createLog('error', () => undefined),
  );
  const file = RecordFile.open(journal, log, () => undefined);
  file.append([[Buffer.from(changes)]]);
  file.close();
}

/** A hub with this many messages, which has been stopped. Returns the files of its partition. */
async function stoppedHub(count: number): Promise<string[]> {
  const hub = await start();
  hub.admin.seed({ count });
  await stop();
  return messageFiles();
}

describe('an incomplete write at the end', () => {
  test('is removed and reported in one line', async () => {
    const [file = ''] = await stoppedHub(3);
    await appendFile(file, 'hFrl');
    const hub = await start();
    expect(hub.admin.state().messages).toBe(3);
    expect(lines).toEqual([
      expect.stringMatching(/ warn .+: removed an incomplete write at the end \(4 bytes\)$/),
    ]);
    expect(lines[0]).toContain(file);
    await stop();
    lines = [];
    await start();
    expect(lines).toEqual([]);
  });

  test('of a batch removes the whole batch, and the next message takes its place', async () => {
    const [file = ''] = await stoppedHub(150); // two writes: 100 messages and 50
    await truncate(file, (await stat(file)).size - 1);
    const hub = await start();
    expect(hub.admin.state().partitions[0]).toMatchObject({ count: 100, lastSequenceNumber: 99 });
    const { lastOffset } = hub.admin.state().partitions[0] ?? {};
    hub.admin.seed({ count: 1 });
    const [last] = hub.admin.messages({ partition: '0', from: 100 });
    expect(Number(last?.offset)).toBeGreaterThan(Number(lastOffset));
  });
});

describe('the emulator does not start, and says in one line why:', () => {
  const rejection = async (options?: EmulatorOptions): Promise<string> => {
    const error = await start(options).catch((reason: unknown) => reason);
    return (error as Error).message;
  };

  test('damage before intact messages', async () => {
    const [file = ''] = await stoppedHub(200);
    const bytes = await readFile(file);
    bytes.writeUInt8((bytes[1_000] ?? 0) ^ 1, 1_000);
    await writeFile(file, bytes);
    expect(await rejection()).toMatch(
      new RegExp(`^${file} is damaged at byte \\d+\\. Restore the data folder from a copy, or delete it`),
    );
    expect(lines).toEqual([]);
    expect((await readFile(file)).equals(bytes), 'the file is not changed').toBe(true);
  });

  test('a missing file between others', async () => {
    const files = await stoppedHub(20_000);
    expect(files.length).toBeGreaterThan(2);
    await rm(files[1] ?? '');
    expect(await rejection()).toMatch(new RegExp(`^${files[2] ?? ''} is damaged at byte 0`));
  });

  test('another number of partitions', async () => {
    await stoppedHub(1);
    expect(await rejection({ partitions: 2 })).toMatch(/has 1 partitions, not 2/);
  });

  test('files of another version', async () => {
    await stoppedHub(1);
    const journal = join(dataFolder, HUB_HOST_NAME, 'state.log');
    await writeFile(journal, '');
    appendToJournal(journal, '[["hub/properties",{"format":2}]]');
    expect(await rejection()).toMatch(/belongs to another version of the emulator$/);
  });

  test.each(['missing', 'empty'])('a hub whose state file is %s', async (state) => {
    await stoppedHub(1);
    const journal = join(dataFolder, HUB_HOST_NAME, 'state.log');
    await (state === 'missing' ? rm(journal) : writeFile(journal, ''));
    const message = /has messages, but state\.log is missing or empty\. Restore the data folder from a copy/;
    expect(await rejection()).toMatch(message);
    expect(await rejection(), 'the second start does not accept it either').toMatch(message);
  });

  test('a state file that no start can read, and the folder is free afterwards', async () => {
    await stoppedHub(1);
    const journal = join(dataFolder, HUB_HOST_NAME, 'state.log');
    const { size } = await stat(journal);
    appendToJournal(journal, '[["device/d",null]]');
    expect(await rejection()).not.toMatch(/is used by another/);
    await truncate(journal, size);
    expect((await start()).admin.state().messages).toBe(1);
  });

  test('a folder that cannot be one', async () => {
    await writeFile(dataFolder, '');
    expect(await rejection()).toBe(
      `the data folder ${dataFolder} cannot be used: ENOTDIR: not a directory, mkdir '${join(dataFolder, HUB_HOST_NAME)}'`,
    );
  });

  test.skipIf(process.getuid?.() === 0)('a folder that cannot be written', async () => {
    await chmod(folder, 0o755);
    await start({ dataFolder });
    await stop();
    await chmod(join(dataFolder, HUB_HOST_NAME), 0o555);
    expect(await rejection()).toMatch(/^the data folder \S+ cannot be used: EACCES/);
    await chmod(join(dataFolder, HUB_HOST_NAME), 0o755);
  });

  test('another emulator of this process has the folder, until it stops', async () => {
    const first = await start();
    expect(await rejection()).toMatch(/is used by another emulator/);
    await first.close();
    await start();
  });
});

test('what an operator changed is kept: expired messages, offsets, a reset and a new hub', async () => {
  let hub = await start();
  hub.admin.seed({ count: 30 });
  hub.admin.expire({ keep: 10 });
  hub.admin.jumpOffset({ by: 4_096 });
  const before = hub.admin.state();
  await stop();
  hub = await start();
  expect(hub.admin.state().partitions).toEqual(before.partitions);
  expect(hub.admin.state().createdAt).toBe(before.createdAt);
  hub.admin.seed({ count: 1 });
  const [last] = hub.admin.messages({ partition: '0', from: 30 });
  expect(Number(last?.offset)).toBeGreaterThan(Number(before.partitions[0]?.lastOffset) + 4_096);
  hub.admin.expire({ keep: 0 });
  await stop();
  hub = await start();
  expect(hub.admin.state().partitions[0]).toMatchObject({ count: 0, lastSequenceNumber: 30 });
  hub.admin.reset();
  await stop();
  hub = await start();
  expect(hub.admin.state().partitions[0]).toMatchObject({ count: 0, lastSequenceNumber: -1 });
  hub.admin.recreateHub({ partitions: 3 });
  hub.admin.seed({ count: 3 });
  const recreated = hub.admin.state();
  expect(recreated.createdAt).not.toBe(before.createdAt);
  await stop();
  hub = await start({ partitions: 3 });
  expect(hub.admin.state()).toMatchObject({
    createdAt: recreated.createdAt,
    partitions: recreated.partitions,
  });
});

test('expired messages leave the disk', async () => {
  const files = await stoppedHub(20_000);
  const hub = await start();
  hub.admin.expire({ keep: 1 });
  expect(await messageFiles()).toEqual(files.slice(-1));
});

test('a file that cannot be deleted stays, with those behind it, until the next expiry', async () => {
  const files = await stoppedHub(20_000);
  const hub = await start();
  const [oldest = ''] = files;
  await rename(oldest, join(folder, 'aside'));
  await mkdir(oldest); // cannot be deleted as a file, even by root
  hub.admin.expire({ keep: 2 });
  expect(hub.admin.state().messages).toBe(2);
  expect(await messageFiles()).toEqual(files);
  expect(lines).toEqual([expect.stringMatching(/partition-0: expired messages cannot be deleted \(\w+\)$/)]);
  await rmdir(oldest);
  await rename(join(folder, 'aside'), oldest);
  await stop();
  const again = await start();
  expect(again.admin.state().messages).toBe(2);
  again.admin.expire({ keep: 1 });
  expect(await messageFiles()).toEqual(files.slice(-1));
});

test('the oldest messages above the size are removed, and stay removed', async () => {
  const hub = await start({ retentionMegabytes: 5 });
  hub.admin.seed({ count: 20_000 });
  await expect.poll(() => hub.admin.state().messages).toBeLessThan(20_000);
  const [partition] = hub.admin.state().partitions;
  expect(partition?.lastSequenceNumber).toBe(19_999);
  expect((await messageFiles()).length).toBeLessThan(3);
  await stop();
  expect((await start()).admin.state().partitions[0]).toEqual(partition);
});

describe('on a full disk', () => {
  let hub: EmulatorProcess | undefined;
  afterEach(() => hub?.kill());

  test(
    'sends fail with 503, the process lives, and nothing acknowledged is lost',
    { tags: 'full' },
    async () => {
      // Files of at most 16 KB where /bin/sh is dash, 32 KB where it counts blocks of 1,024 bytes.
      hub = await startEmulatorProcess({ folder, before: 'ulimit -f 32', flags: ['--partitions', '1'] });
      const agent = emulatorAgent(hub);
      const registry = Registry.fromConnectionString(hub.connectionStrings.hub('iothubowner'));
      (registry as any)._restApiClient.setOptions({ http: { agent } });
      const { responseBody } = await registry.create({ deviceId: 'd' });
      const key = responseBody.authentication?.symmetricKey?.primaryKey ?? '';
      const device = deviceClient(hub, agent, 'd', key);
      const acknowledged = 2;
      for (let n = 0; n < acknowledged; n++)
        await device.sendEvent(new Message(JSON.stringify('x'.repeat(3_000))));
      const body = JSON.stringify('x'.repeat(40_000));
      await expect(device.sendEvent(new Message(body))).rejects.toMatchObject({
        name: 'ServiceUnavailableError',
      });
      await expect(device.sendEventBatch([new Message(body), new Message('"small"')])).rejects.toThrow();
      expect((await registry.get('d')).responseBody.deviceId).toBe('d');
      const overMqtt = await mqttDevice(hub, 'd', key);
      await expect(overMqtt.sendEvent(new Message(body)), 'MQTT has no error responses').rejects.toThrow();
      await overMqtt.close();
      await device.sendEvent(new Message('"small"')); // there is space for this one
      expect(await receiveEvents(hub.connectionStrings.eventHub('service'), 1)).not.toEqual([]);
      agent.destroy();
      await hub.kill();
      expect(hub.output().match(/a write failed \(\w+\)/g), 'is logged once').toHaveLength(1);

      const restarted = await start({ dataFolder });
      expect(lines).toEqual([]);
      expect(restarted.admin.state().messages).toBe(acknowledged + 1);
      expect(restarted.admin.messages({ partition: '0', from: acknowledged })).toMatchObject([
        { body: '"small"' },
      ]);
    },
  );
});
