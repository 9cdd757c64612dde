import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { runFiles } from '../../analytics/fileRun';
import { translate } from '../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-pipes-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

const file = (name: string): string => join(folder, name);
const text = (name: string): Promise<string> => readFile(file(name), 'utf8');

/** Runs a query into `out.ndjson`, with standard input that gives its text once. */
async function run(query: string, standardInput: string, ...flags: string[]): Promise<void> {
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(
    Readable.from([standardInput]) as unknown as typeof process.stdin,
  );
  await writeFile(file('q.asaql'), query);
  await main(['--query', file('q.asaql'), '--output', file('out.ndjson'), ...flags]);
}

test('standard input serves all sources of an input', async () => {
  const query = 'SELECT id INTO a FROM i SELECT id INTO b FROM i TIMESTAMP BY t';
  await run(query, '{"id":1,"t":"2026-01-01T00:00:00Z"}\n', '--input', '-');
  expect(await text('out.ndjson')).toBe('{"id":1}\n');
  expect(await text('out.b.ndjson')).toBe('{"id":1}\n');
});

test('standard input is CSV if the command says so', async () => {
  const told = vi.spyOn(console, 'error').mockReturnValue();
  await run('SELECT id, name FROM i', 'id;name\n1;a\n2;"b;c"\n', '--input', '-', '--csv', '-');
  expect(await text('out.ndjson')).toBe('{"id":"1","name":"a"}\n{"id":"2","name":"b;c"}\n');
  await run('SELECT id FROM i', 'id;name\n1;a\n', '--input', '-');
  expect(told.mock.lastCall?.[0]).toBe(
    'error: -: none of its rows is a JSON object; if it is CSV, name it .csv, pass --csv -, or set its format in the project',
  );
  await run('SELECT id FROM i', '{"id":1}\n', '--input', '-', '--csv', 'other');
  expect(told.mock.lastCall?.[0]).toBe('error: --csv other: the command reads no such file');
  expect(process.exitCode).toBe(2);
});

const JOIN = 'SELECT r.v FROM i JOIN r ON i.id = r.id';

test('reference data of a pipe is not read again when a statement runs again with more memory', async () => {
  await writeFile(file('events'), '{"id":1}\n');
  const { run: original } = DuckDBConnection.prototype;
  let failures = 0;
  vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(function (
    this: DuckDBConnection,
    sql,
    ...rest
  ) {
    if (sql.startsWith('INSERT INTO main.') && failures++ === 0)
      throw new Error('Out of Memory Error: simulated');
    return original.call(this, sql, ...rest);
  });
  await run(JOIN, '{"id":1,"v":"found"}\n', '--input', `i=${file('events')}`, '--reference', 'r=-');
  expect(failures).toBeGreaterThan(1);
  expect(await text('out.ndjson')).toBe('{"v":"found"}\n');
});

test('several files of one name are all read', async () => {
  for (const id of [1, 2, 3]) await writeFile(file(`r${id}.json`), `{"id":${id},"v":"v${id}"}\n`);
  const events = [1, 2, 3].map((id) => `{"id":${id}}\n`).join('');
  const references = [1, 2, 3].flatMap((id) => ['--reference', `r=${file(`r${id}.json`)}`]);
  await run(JOIN, events, '--input', 'i=-', ...references);
  expect(await text('out.ndjson')).toBe('{"v":"v1"}\n{"v":"v2"}\n{"v":"v3"}\n');
});

test('rows of several files of reference data are added together', async () => {
  for (const v of [1, 2]) await writeFile(file(`v${v}.json`), `{"id":1,"v":${v}}\n`);
  const references = [1, 2].flatMap((v) => ['--reference', `r=${file(`v${v}.json`)}`]);
  await run(JOIN, '{"id":1}\n', '--input', 'i=-', ...references);
  expect(await text('out.ndjson')).toBe('{"v":1}\n{"v":2}\n');
});

test.skipIf(process.platform === 'win32')('a pipe has the rows of all slices', async () => {
  execFileSync('mkfifo', [file('pipe')]);
  const reader = text('pipe');
  const events = [1, 2, 3, 4, 5].map((id) => `{"id":${id},"t":"2026-01-01T00:00:0${id}Z"}\n`);
  await writeFile(file('timed'), events.join(''));
  const plan = translate('SELECT id, LAG(id) OVER (LIMIT DURATION(second, 9)) AS last FROM i TIMESTAMP BY t');
  const run = runFiles({
    plan,
    policy: DEFAULT_TIME_POLICY,
    inputs: new Map([['i', [file('timed')]]]),
    references: new Map(),
    outputs: new Map(plan.outputs.map(({ table }) => [table, file('pipe')])),
    maxSliceRows: 2,
  });
  const [rows] = await Promise.all([reader, run]);
  expect(rows).toBe([null, 1, 2, 3, 4].map((last, i) => `${JSON.stringify({ id: i + 1, last })}\n`).join(''));
});

test.skipIf(process.platform === 'win32')('a pipe whose reader closes it is named', async () => {
  execFileSync('mkfifo', [file('closed')]);
  // More than a pipe holds.
  await writeFile(file('many'), Array.from({ length: 100_000 }, (_, id) => `{"id":${id}}\n`).join(''));
  const plan = translate('SELECT id FROM i');
  const reader = createReadStream(file('closed')).once('data', () => reader.destroy());
  const run = runFiles({
    plan,
    policy: DEFAULT_TIME_POLICY,
    inputs: new Map([['i', [file('many')]]]),
    references: new Map(),
    outputs: new Map(plan.outputs.map(({ table }) => [table, file('closed')])),
  });
  await expect(run).rejects.toThrow(`${file('closed')} cannot be written: its reader has closed it`);
});

test.each(['kept', 'link'])('a file stays as it was if a later slice fails: %s', async (output) => {
  await writeFile(file('kept'), 'as before');
  if (output === 'link' && process.platform !== 'win32') execFileSync('ln', ['-s', 'kept', file('link')]);
  const row = (id: number, v: string): string => `{"id":${id},"v":"${v}","t":"2026-01-01T00:00:0${id}Z"}\n`;
  const runOf = async (values: readonly string[]): Promise<unknown> => {
    await writeFile(file('cast'), values.map((v, i) => row(i + 1, v)).join(''));
    const plan = translate(
      'SELECT CAST(v AS bigint) AS v, LAG(id) OVER (LIMIT DURATION(second, 9)) AS last FROM i TIMESTAMP BY t',
    );
    return runFiles({
      plan,
      policy: DEFAULT_TIME_POLICY,
      inputs: new Map([['i', [file('cast')]]]),
      references: new Map(),
      outputs: new Map(plan.outputs.map(({ table }) => [table, file(output)])),
      maxSliceRows: 2,
    });
  };
  await expect(runOf(['1', '2', '3', '4', 'x'])).rejects.toThrow('CAST');
  expect(await text('kept')).toBe('as before');
  expect((await readdir(file('.'))).filter((name) => name.startsWith('.'))).toEqual([]);
  await runOf(['1', '2', '3', '4', '5']);
  expect(await text('kept')).toBe(
    [null, 1, 2, 3, 4].map((last, i) => `${JSON.stringify({ v: i + 1, last })}\n`).join(''),
  );
});
