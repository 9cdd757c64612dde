import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type BoundedDatabase, openBoundedDatabase } from '../../analytics/boundedDatabase';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asa-test-'));
  vi.stubEnv('TMPDIR', folder);
  vi.stubEnv('TEMP', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const LIMITS = ['16MB', '64MB'];

const valueOf = async ({ connection }: BoundedDatabase, sql: string): Promise<unknown> =>
  (await connection.runAndReadAll(sql)).getRows()[0]?.[0];
const limitOf = (database: BoundedDatabase): Promise<unknown> =>
  valueOf(database, "SELECT current_setting('memory_limit')");

test('rows beyond the memory limit go to a folder of the database, which is removed in the end', async () => {
  const [database, other] = [await openBoundedDatabase(LIMITS), await openBoundedDatabase(LIMITS)];
  try {
    const limit = await limitOf(database);
    const fill =
      'CREATE TEMP TABLE filled AS SELECT repeat(chr(CAST(97 + i % 26 AS INT)), 600) AS text FROM range(66000) AS t(i)';
    for (const one of [database, other]) await one.bounded(() => one.connection.run(fill));
    const lengths = 'SELECT sum(strlen(text)) FROM filled';
    for (const one of [database, other]) expect(Number(await valueOf(one, lengths))).toBe(39_600_000);
    expect(await limitOf(database)).toBe(limit);
    expect(await readdir(folder)).toHaveLength(2);
  } finally {
    await database.close();
    await other.close();
  }
  expect(await readdir(folder)).toEqual([]);
});

test('a statement that holds more than the limit runs again with more memory', async () => {
  const database = await openBoundedDatabase(LIMITS);
  try {
    const limit = await limitOf(database);
    const held = await database.bounded(() =>
      valueOf(database, 'SELECT len(list(i)) FROM range(1500000) AS t(i)'),
    );
    expect(Number(held)).toBe(1_500_000);
    expect(await limitOf(database)).not.toBe(limit);
  } finally {
    await database.close();
  }
});

test('a statement that holds more than the last limit names the limit and the option', async () => {
  const database = await openBoundedDatabase(['16MB']);
  try {
    const held = database.bounded(() => valueOf(database, 'SELECT len(list(i)) FROM range(1500000) AS t(i)'));
    await expect(held).rejects.toThrow('the query needs more memory than 16MB: --memory sets');
  } finally {
    await database.close();
  }
});

test('other errors of a statement are raised at once', async () => {
  const database = await openBoundedDatabase(LIMITS);
  try {
    const limit = await limitOf(database);
    await expect(database.bounded(() => database.connection.run('SELECT * FROM missing'))).rejects.toThrow(
      'missing',
    );
    expect(await limitOf(database)).toBe(limit);
  } finally {
    await database.close();
  }
});

test.each([
  [
    "Out of Memory Error: failed to offload data block (1/1).\nThis limit was set by the 'max_temp_directory_size' setting.",
  ],
  ['IO Error: Could not write file "%/duckdb_temp_storage-0.tmp": No space left on device'],
])('a lack of space for temporary files names their folder: %s', async (message) => {
  const database = await openBoundedDatabase(LIMITS);
  try {
    const own = String(await valueOf(database, "SELECT current_setting('temp_directory')"));
    const full = database.bounded(() => Promise.reject(new Error(message.replace('%', own))));
    await expect(full).rejects.toThrow(`the folder for temporary files (${folder}) has no space left`);
  } finally {
    await database.close();
  }
});

test('DuckDB reports the lack of space for temporary files as expected', async () => {
  const database = await openBoundedDatabase(LIMITS);
  try {
    await database.connection.run("SET max_temp_directory_size = '1MB'");
    const fill =
      'CREATE TEMP TABLE filled AS SELECT repeat(md5(CAST(i AS VARCHAR)), 20) AS text FROM range(200000) AS t(i)';
    await expect(database.bounded(() => database.connection.run(fill))).rejects.toThrow('has no space left');
  } finally {
    await database.close();
  }
});
