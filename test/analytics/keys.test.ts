import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useEngines } from './engineRun';

const start = useEngines();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-keys-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** JSON of a key in an event, and of the equal one in the reference data. */
const EQUAL = [
  ['"a"', '"a"'],
  ['"\\u0061"', '"a"'],
  ['"a"', '"\\u0061"'],
  ['"\\/"', '"/"'],
  ['"é"', '"\\u00e9"'],
  ['"\\ud83d\\ude00"', '"😀"'],
  ['"\\""', '"\\u0022"'],
  ['"\\n"', '"\\u000A"'],
  ['""', '""'],
  ['1', '1.0'],
  ['-1e2', '-100'],
  ['true', '1'],
] as const;

const DIFFERENT = [
  ['"1"', '1'],
  ['"n1"', '1'],
  ['"\\\\u0061"', '"a"'],
  ['"a"', '"A"'],
  ['"a "', '"a"'],
  ['null', 'null'],
] as const;

const joined = async (
  pairs: readonly (readonly [string, string])[],
  form: (key: string) => string,
): Promise<string[]> => {
  const { engine, process } = await start('SELECT e.i AS i FROM i AS e JOIN r ON e.k = r.k AND e.i = r.i');
  const file = join(folder, 'reference.json');
  await writeFile(file, pairs.map(([, key], i) => `{"i":${i},"k":${key}}`).join('\n'));
  await engine.references.load('r', file, 0);
  return process(
    ...pairs.map(([key], i) => ({ body: form(`{"i":${i},"k":${key}}`), enqueuedUs: i, partitionId: 0 })),
  );
};

test.each([
  ['as it came', (event: string) => event],
  ['in an array, with spaces', (event: string) => `[ ${event.replaceAll(':', ' : ')} ]`],
])(
  'keys of events and reference data are equal if their values are, however they are written (%s)',
  async (_, form) => {
    expect(await joined(EQUAL, form)).toEqual(EQUAL.map((_, i) => String(i)));
    expect(await joined(DIFFERENT, form)).toEqual([]);
  },
);
