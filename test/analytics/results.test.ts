import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { RESULTS_SCHEMA, openResults } from '../../local/analytics/job/results';

test('results are trimmed while somebody else is drops and writes tables beside them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-results-'));
  const duckdb = await DuckDBInstance.create(':memory:');
  const [job, other] = [await duckdb.connect(), await duckdb.connect()];
  try {
    const results = await openResults(job, join(folder, 'results.db'), []);
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
