/** Opens the DuckDB database in which translated queries run. */

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { MACROS } from './query';
import { registerRecordKey } from './recordKey';

export interface Database {
  instance: DuckDBInstance;
  connection: DuckDBConnection;
}

/** Maximum depth of a translated expression. A level of the query becomes several levels of SQL. */
const MAX_EXPRESSION_DEPTH = 20_000;

/** Opens an empty in-memory database with Stream Analytics' functions. */
export async function openDatabase(settings: Record<string, string> = {}): Promise<Database> {
  // One thread, because a batch is too small for several: a second thread only adds a third to the CPU time.
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', ...settings });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(`SET max_expression_depth = ${MAX_EXPRESSION_DEPTH}`);
  // A division by zero is NULL.
  await connection.run('SET ieee_floating_point_ops = false');
  registerRecordKey(connection);
  await connection.run(MACROS.map((macro) => `CREATE OR REPLACE MACRO ${macro};`).join('\n'));
  return { instance, connection };
}
