import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { type Plan, QueryError, problemText, raisedInQuery, textOf, translate } from '../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';

/** Statements that DuckDB refuses for different reasons. None of its words may be in a text for a user. */
const REFUSED = [
  'SELECT secret FROM (SELECT 1 AS field_1)',
  'SELEC secret',
  "SELECT CAST('secret' AS INTEGER)",
  'SELECT * FROM secret',
  "SELECT error('secret')",
  'SELECT 9223372036854775807 + 1',
  "ATTACH '/secret/file.db' AS x",
  'CREATE TABLE secret (a INTEGER PRIMARY KEY); INSERT INTO secret VALUES (1), (1)',
  "SELECT * FROM read_csv('/secret')",
  "SET memory_limit = '1MB'; CREATE TABLE t AS SELECT list(repeat('secret', 100)) FROM range(1_000_000)",
  'SELECT secret_function(1)',
  "PREPARE secret AS SELECT $1; EXECUTE secret('a', 'b')",
];
const DUCKDB_TEXT = /secret|LINE \d|\b[A-Z]\w* Error\b|field_\d|SELECT|DuckDB|\n/;

async function errorOf(sql: string): Promise<unknown> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', temp_directory: '' });
  const connection = await instance.connect();
  try {
    await connection.run(sql);
  } catch (error) {
    return error;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  throw new Error(`DuckDB accepts ${sql}`);
}

describe("a text for a user has nothing of DuckDB's", () => {
  test.each(REFUSED)('%s', async (sql) => {
    const error = await errorOf(sql);
    const raised = raisedInQuery(error, { line: 3, column: 5 });
    for (const text of [textOf(error), problemText('q.asaql', error), problemText('q.asaql', raised)]) {
      expect(text).not.toMatch(DUCKDB_TEXT);
      expect(text.length).toBeGreaterThan(10);
    }
    if (raised instanceof QueryError) expect(problemText('q.asaql', raised)).toMatch(/^q\.asaql:3:5: /);
  });

  test('a query on a closed connection', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    connection.closeSync();
    const error = await connection.run('SELECT 1').catch((thrown: unknown) => thrown);
    expect(textOf(error)).toMatch(/^an internal error of the runner/);
  });

  test('a fault of our own code', () => {
    expect(textOf(new TypeError("Cannot read properties of undefined (reading 'a')"))).toMatch(
      /^an internal error of the runner/,
    );
  });
});

test('a statement that DuckDB refuses stops the engine with its place in the query', async () => {
  const plan = translate('WITH s AS (SELECT a FROM i)\nSELECT a FROM s');
  const nodes = plan.nodes.map((node, i) => (i === 1 ? { ...node, sql: 'SELECT nothing' } : node));
  const broken: Plan = { ...plan, nodes };
  await expect(createEngine(broken, DEFAULT_TIME_POLICY)).rejects.toMatchObject({
    at: { line: 2, column: 1 },
    message: 'an internal error of the runner (set NODE_DEBUG=asa to log the details), so the job stops',
  });
});

test('commands and jobs show errors by these texts only', () => {
  const folder = join(__dirname, '..', '..', 'analytics');
  const shown = [
    'cli.ts',
    'check.ts',
    'testProject.ts',
    ...readdirSync(join(folder, 'job')).map((file) => `job/${file}`),
  ]
    .flatMap((file) =>
      readFileSync(join(folder, file), 'utf8')
        .split('\n')
        .map((line) => `${file}: ${line}`),
    )
    .filter((line) => /(problem|console\.error|Error) .*\(error as Error\)\.message/.test(line));
  expect(shown).toEqual([]);
});
