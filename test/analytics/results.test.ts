import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { RESULTS_SCHEMA, type Results, openResults, resultTable } from '../../analytics/job/results';
import type { Output } from '../../analytics/query';
import { openState } from '../../analytics/state';

const OUTPUT: Output = {
  name: 'rows',
  table: 'result_0',
  columns: [],
  rowsSql: '',
  rowsSqlOf: () => '',
  ascends: true,
  at: { line: 1, column: 1 },
};

/** The results of a job, and what adds rows to them that are so many minutes old. */
async function withResults(
  work: (
    results: Results,
    add: (rows: number, minutesOld: number, done?: Map<string, number>) => Promise<void>,
    numbers: (sql: string) => Promise<number[]>,
    open: () => Promise<Results>,
  ) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-results-'));
  const duckdb = await DuckDBInstance.create(':memory:');
  const job = await duckdb.connect();
  const open = async (): Promise<Results> => {
    await openState(job, { file: join(folder, 'results.db'), name: RESULTS_SCHEMA, fingerprint: '' });
    return openResults(job, [OUTPUT]);
  };
  let n = 0;
  try {
    const results = await open();
    await work(
      results,
      async (rows, minutesOld, done = new Map()) => {
        await job.run(`CREATE OR REPLACE TEMP TABLE result_0 AS SELECT range AS n, range AS __seq, 0 AS __row,
          (now() AT TIME ZONE 'UTC') - INTERVAL '${minutesOld} minutes' AS __ts FROM range(${n}, ${(n += rows)})`);
        await results.commit(() => Promise.resolve({ outputs: [OUTPUT], done }));
      },
      async (sql) => (await job.runAndReadAll(sql)).getRows().map(([value]) => Number(value)),
      async () => {
        await job.run('RESET search_path');
        await job.run(`DETACH ${RESULTS_SCHEMA}`);
        return open();
      },
    );
  } finally {
    job.closeSync();
    duckdb.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

/** minutes */
const DAY = 24 * 60;
const ROWS = `SELECT n FROM ${resultTable('rows')} ORDER BY rowid`;

test('results are kept for a day', () =>
  withResults(async (results, add, numbers) => {
    await add(1, DAY + 1);
    await add(1, DAY - 1);
    expect(await numbers(ROWS)).toEqual([0, 1]);
    await results.trim();
    expect(await numbers(ROWS)).toEqual([1]);
  }));

test('old results are also deleted after a number of new rows', () =>
  withResults(async (_, add, numbers) => {
    await add(99_999, DAY + 1);
    expect(await numbers(ROWS)).toHaveLength(99_999);
    await add(1, 1);
    expect(await numbers(ROWS)).toEqual([99_999]);
    await add(99_999, DAY + 1);
    expect(await numbers(ROWS)).toHaveLength(100_000);
  }));

test('of many results the newest are kept', () =>
  withResults(async (_, add, numbers) => {
    await add(60_000, 1);
    await add(70_000, 1);
    const kept = await numbers(ROWS);
    expect(kept).toHaveLength(100_000);
    expect([kept[0], kept.at(-1)]).toEqual([30_000, 129_999]);
  }));

test('results and checkpoint are written together or not at all', () =>
  withResults(async (results, add, numbers, open) => {
    await add(
      2,
      1,
      new Map([
        ['0', 7],
        ["1's", 8],
      ]),
    );
    await expect(
      results.commit(() =>
        Promise.resolve({ outputs: [OUTPUT, { ...OUTPUT, table: 'absent' }], done: new Map([['0', 9]]) }),
      ),
    ).rejects.toThrow('absent');
    expect(await numbers(ROWS)).toEqual([0, 1]);
    expect(results.checkpoint().get('0')).toBe(7);
    await add(1, 1, new Map([['0', 9]]));
    const again = await open();
    expect(await numbers(ROWS)).toEqual([0, 1, 2]);
    expect([...again.checkpoint()].sort()).toEqual([
      ['0', 9],
      ["1's", 8],
    ]);
    again.forget('0');
    expect([...again.checkpoint().keys()]).toEqual(["1's"]);
  }));

test('results are trimmed while another connection drops and writes tables', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-results-'));
  const duckdb = await DuckDBInstance.create(':memory:');
  const [job, other] = [await duckdb.connect(), await duckdb.connect()];
  try {
    await openState(job, { file: join(folder, 'results.db'), name: RESULTS_SCHEMA, fingerprint: '' });
    const results = await openResults(job, []);
    await other.run(`CREATE TABLE ${RESULTS_SCHEMA}.beside (n INTEGER)`);
    await other.run(`CREATE TABLE ${RESULTS_SCHEMA}.gone (n INTEGER)`);
    await other.run('BEGIN');
    await other.run(`INSERT INTO ${RESULTS_SCHEMA}.beside VALUES (1)`);
    await other.run(`DROP TABLE ${RESULTS_SCHEMA}.gone`);
    await results.trim();
    await other.run('COMMIT');
    await results.trim();
    expect((await other.runAndReadAll(`SELECT n FROM ${RESULTS_SCHEMA}.beside`)).getRows()).toEqual([[1]]);
  } finally {
    job.closeSync();
    other.closeSync();
    duckdb.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
});
