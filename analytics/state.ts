/** Keeps what a query needs of earlier events in a DuckDB file, so that a restarted job continues open windows. */

import { createHash } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { TimePolicy } from './timePolicy';
import type { FunctionScripts } from './functions';
import { type Plan, sqlText } from './query';

export interface StateFile {
  file: string;
  /** name of the attached file in SQL */
  name: string;
  /** of the query, see {@link fingerprint}: stored in a new file */
  fingerprint: string;
}

export interface State {
  /** schema in SQL of the tables of kept rows */
  schema: string;
  /** the stored times, µs since 1970, by names that the engine chooses */
  times: ReadonlyMap<string, number>;
  save: (times: Iterable<readonly [string, number]>) => Promise<void>;
}

/** Version of the layout of the state. A file with another version is not read. */
export const LAYOUT = 2;
export const STATE_SCHEMA = 'state';

/**
 * Attaches the file, which the caller has checked, and creates the state in a new file.
 *
 * @throws Error if the file cannot be opened
 */
export async function openState(
  connection: DuckDBConnection,
  { file, name, fingerprint: query }: StateFile,
): Promise<State> {
  const schema = `${name}.${STATE_SCHEMA}`;
  await connection.run(`ATTACH ${sqlText(file)} AS ${name}`);
  await connection.run('BEGIN');
  await connection.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await connection.run(`CREATE TABLE IF NOT EXISTS ${schema}.times (name VARCHAR PRIMARY KEY, us BIGINT)`);
  await connection.run(
    `CREATE OR REPLACE TABLE ${schema}.query AS SELECT ${sqlText(query)} AS fingerprint, ${LAYOUT} AS layout`,
  );
  await connection.run('COMMIT');
  // The SQL of a plan names the kept tables without a schema.
  await connection.run(`SET search_path = 'memory.main,${schema}'`);
  const read = await connection.runAndReadAll(`SELECT name, us FROM ${schema}.times`);
  return {
    schema,
    times: new Map(read.getRows().map(([key, us]) => [String(key), Number(us)])),
    save: async (times) => {
      const rows = [...times].map(([key, us]) => `(${sqlText(key)}, ${Math.floor(us)})`).join(', ');
      if (rows !== '') await connection.run(`INSERT OR REPLACE INTO ${schema}.times VALUES ${rows}`);
    },
  };
}

/**
 * A hash of all that decides which rows a query keeps, and what they mean.
 *
 * @param hub name of the hub that the events come from
 */
export const fingerprint = (
  plan: Plan,
  policy: TimePolicy,
  functions: FunctionScripts,
  hub: string,
): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        LAYOUT,
        plan.nodes.map((node) => [node.table, node.sql, node.kind === 'temporal' ? node.kept : []]),
        plan.sources.map(({ input, table, timestamp, timeline, fields }) => [
          input,
          table,
          timestamp,
          timeline,
          fields.select('raw'),
          fields.declared.size > 0 ? fields.fitting('raw') : null,
        ]),
        plan.outputs.map(({ name, columns }) => [name, columns]),
        plan.references.map(({ name, fields, wholeRows, declared }) => [
          ...[name, [...fields.values()], wholeRows],
          ...(declared.size > 0 ? [[...declared.values()].map((one) => [one.name, one.type])] : []),
        ]),
        policy,
        [...functions],
        hub,
      ]),
    )
    .digest('hex');
