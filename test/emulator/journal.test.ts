import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as IotHub from 'azure-iothub';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDataFolderLog } from '../../emulator/dataFolder/dataFolderError';
import { type JournalFile, openJournal } from '../../emulator/dataFolder/journal';
import { HUB_HOST_NAME, startEmulator } from '../../emulator/index';
import { emulatorAgent } from '../azureSdks';
import { type EmulatorProcess, startEmulatorProcess } from './emulatorProcess';

const { Registry } = createRequire(import.meta.url)('azure-iothub') as typeof IotHub;

/** About 28 KB of desired properties: a twin takes at most 32 KB, a text 4 KB. */
const LARGE = Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`p${n}`, 'x'.repeat(4_000)]));

const logInto = (lines: string[]) => {
  const push = (line: string) => void lines.push(line);
  return { error: push, warn: push, info: push };
};

let folder: string;
let path: string;
let lines: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  path = join(folder, 'state.log');
  lines = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (): JournalFile => openJournal(path, createDataFolderLog(folder, logInto(lines)));

/** Writes a value so often that its old values take more than 4 MB. */
function waste(journal: JournalFile): void {
  const text = 'x'.repeat(100_000);
  for (let n = 0; n < 45; n++) journal.write(['a/large', { n, text }]);
}

test('a rewrite keeps the last values, and leaves one file', async () => {
  const journal = open();
  journal.write(['a/first', 1], ['a/gone', 2]);
  journal.write(['a/gone']);
  await writeFile(`${path}.new`, 'left by a rewrite that failed');
  waste(journal);
  journal.write(['a/last', 3]);
  journal.close();
  expect((await stat(path)).size).toBeLessThan(1_000_000);
  expect(await readdir(folder)).toEqual(['state.log']);
  const again = open();
  const values = again.read('a');
  again.close();
  expect(values.get('first')).toBe(1);
  expect(values.get('large')).toMatchObject({ n: 44 });
  expect(values.get('last')).toBe(3);
  expect(values.has('gone')).toBe(false);
  expect(lines).toEqual([]);
});

test('a rewrite of a file that was damaged meanwhile fails, and the file stays', async () => {
  const journal = open();
  journal.write(['a/first', 1]);
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0, 20), { flag: 'r+' });
  waste(journal);
  journal.close();
  expect((await stat(path)).size).toBeGreaterThan(4_000_000);
  expect(await readdir(folder)).toEqual(['state.log']);
  expect(lines).toEqual([
    expect.stringMatching(/state\.log: could not be rewritten \(.* is damaged at byte 0/),
  ]);
});

test('a closed journal takes no change, and a second close has no effect', () => {
  const journal = open();
  journal.close();
  journal.close();
  expect(() => journal.write(['a/first', 1])).toThrow(
    expect.objectContaining({ code: 'ServiceUnavailable' }),
  );
  journal.forget('a/first');
});

test(
  'after a rewrite, a full disk gives 503, and nothing acknowledged is lost',
  { tags: 'full' },
  async () => {
    let hub: EmulatorProcess | undefined;
    try {
      // Files of at most 4.6 MB where /bin/sh is dash, 9.2 MB where it counts blocks of 1,024 bytes.
      hub = await startEmulatorProcess({ folder, before: 'ulimit -f 9000', flags: ['--partitions', '1'] });
      const agent = emulatorAgent(hub);
      const registry = Registry.fromConnectionString(hub.connectionStrings.hub('iothubowner'));
      (registry as any)._restApiClient.setOptions({ http: { agent } });
      const update = (deviceId: string, n: number) =>
        registry.updateTwin(deviceId, { properties: { desired: { ...LARGE, n } } }, '*');
      await registry.create({ deviceId: 'd' });
      let updates = 0;
      const journal = join(folder, 'data', HUB_HOST_NAME, 'state.log');
      for (let size = 0, before = -1; size > before; updates++) {
        before = size;
        await update('d', updates);
        ({ size } = await stat(journal));
      }
      expect(updates).toBeGreaterThan(100);

      const filled: string[] = [];
      let failure: unknown;
      for (let n = 0; failure === undefined; n++) {
        const deviceId = `d${n}`;
        try {
          await registry.create({ deviceId });
          await update(deviceId, n);
          filled.push(deviceId);
        } catch (error) {
          failure = error;
        }
      }
      expect((failure as Error).name).toBe('ServiceUnavailableError');
      expect((await registry.get('d')).responseBody.deviceId).toBe('d');
      agent.destroy();
      await hub.kill();
      expect(hub.output()).toMatch(/a write failed \(\w+\)/);

      const restarted = await startEmulator({ caFolder: folder, dataFolder: join(folder, 'data') });
      const newAgent = emulatorAgent(restarted);
      const after = Registry.fromConnectionString(restarted.connectionStrings.hub('iothubowner'));
      (after as any)._restApiClient.setOptions({ http: { agent: newAgent } });
      const twins = ['d', ...filled].map(async (deviceId) => (await after.getTwin(deviceId)).responseBody);
      const values = (await Promise.all(twins)).map(({ properties }) => properties.desired.n as number);
      newAgent.destroy();
      await restarted.close();
      expect(values).toEqual([updates - 1, ...filled.keys()]);
    } finally {
      await hub?.kill();
    }
  },
);
