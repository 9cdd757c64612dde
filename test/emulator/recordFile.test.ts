import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDataFolderLog, DataFolderError } from '../../emulator/dataFolder/dataFolderError';
import { RecordFile } from '../../emulator/dataFolder/recordFile';
import '../propertySeed';
import { runs } from '../testSize';

const logInto = (lines: string[]) => {
  const push = (line: string) => void lines.push(line);
  return { error: push, warn: push, info: push };
};

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  path = join(folder, 'records.log');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function open(): { records: string[]; lines: string[]; file: RecordFile } {
  const records: string[] = [];
  const lines: string[] = [];
  const log = createDataFolderLog(folder, logInto(lines));
  const file = RecordFile.open(path, log, (content) => records.push(content.toString('base64')));
  return { records, lines, file };
}

async function write(records: readonly Uint8Array[]): Promise<void> {
  await rm(path, { force: true });
  const { file } = open();
  for (const record of records) file.append([[Buffer.from(record)]]);
  file.close();
}

const base64 = (records: readonly Uint8Array[]) =>
  records.map((record) => Buffer.from(record).toString('base64'));
const someRecords = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 });
const RUNS = { numRuns: runs(200, 5_000) };

test('any records come back as they were written', async () => {
  await fc.assert(
    fc.asyncProperty(someRecords, async (records) => {
      await write(records);
      const opened = open();
      opened.file.close();
      expect(opened).toMatchObject({ records: base64(records), lines: [] });
    }),
    RUNS,
  );
});

test('a file that is cut anywhere gives the records before the cut, and takes further ones', async () => {
  await fc.assert(
    fc.asyncProperty(someRecords, fc.double({ min: 0, max: 1, noNaN: true }), async (records, share) => {
      await write(records);
      const bytes = await readFile(path);
      await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * share)));
      const { records: found, lines, file } = open();
      expect(found).toEqual(base64(records).slice(0, found.length));
      expect(lines.length).toBeLessThanOrEqual(1);
      file.append([[Buffer.from('next')]]);
      file.close();
      const again = open();
      again.file.close();
      expect(again).toMatchObject({ records: [...found, base64([Buffer.from('next')])[0]], lines: [] });
    }),
    RUNS,
  );
});

test('flipped bits give the records before them, or an error that names the file', async () => {
  const flips = fc.array(fc.nat(), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(someRecords, flips, async (records, positions) => {
      await write(records);
      const bytes = await readFile(path);
      fc.pre(bytes.length > 0);
      for (const position of positions) {
        const at = Math.floor(position / 8) % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (position % 8));
      }
      await writeFile(path, bytes);
      try {
        const { records: found, file } = open();
        file.close();
        expect(found).toEqual(base64(records).slice(0, found.length));
      } catch (error) {
        expect(error).toBeInstanceOf(DataFolderError);
        expect((error as Error).message).toContain(path);
        expect((await readFile(path)).equals(bytes), 'a file with an error is not changed').toBe(true);
      }
    }),
    RUNS,
  );
});

test('whatever follows the last record is removed, also if it contains records', async () => {
  await write([Buffer.from('one')]);
  const { size } = await stat(path);
  // Intact records, but at another position: someone sent this file in a message, which was then cut off.
  await appendFile(path, Buffer.concat([Buffer.from('rest'), await readFile(path)]));
  const { records, lines, file } = open();
  file.close();
  expect(records).toEqual(base64([Buffer.from('one')]));
  expect(lines).toEqual([`${path}: removed an incomplete write at the end (${4 + size} bytes)`]);
  expect((await stat(path)).size).toBe(size);
});
