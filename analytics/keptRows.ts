/** Keeps the rows that temporal nodes need from batch to batch. */

import type { DuckDBConnection } from '@duckdb/node-api';
import type { Kept } from './query';
import { MIN_US, timestamp } from './duckdbTimestamp';

/** Kept rows are searched for equal ones when so many have been added, or as many again as there were. */
const COLLAPSE_ROWS = 10_000;

export interface KeptRows {
  /** Adds the rows of the batch. @param first creates the table */
  add: (kept: Kept, first: boolean) => Promise<void>;
  /** Removes rows that no result after this time needs, µs since 1970. */
  prune: (kept: Kept, toUs: number) => Promise<void>;
}

/** @param schema of the tables in SQL, which the SQL of plans need not name */
export function createKeptRows(connection: DuckDBConnection, schema: string): KeptRows {
  /** by table: the maximum number of rows that it may have now, and the number at which equal rows are merged */
  const sizes = new Map<string, { rows: number; limit: number }>();
  return {
    add: async ({ table, sql, collapseSql }, first) => {
      const insert = first
        ? `CREATE TABLE ${schema}.${table} AS ${sql}`
        : `INSERT INTO ${schema}.${table} ${sql}`;
      const { rowsChanged } = await connection.run(insert);
      if (collapseSql === undefined) return;
      const { rows, limit } = sizes.get(table) ?? { rows: 0, limit: COLLAPSE_ROWS };
      if (rows + rowsChanged < limit) sizes.set(table, { rows: rows + rowsChanged, limit });
      else {
        const collapsed = await connection.run(
          `CREATE OR REPLACE TABLE ${schema}.${table} AS ${collapseSql}`,
        );
        sizes.set(table, { rows: collapsed.rowsChanged, limit: 2 * collapsed.rowsChanged + COLLAPSE_ROWS });
      }
    },
    prune: async ({ table, retainSql, spanUs }, toUs) => {
      const needed = retainSql ?? `SELECT * FROM ${table} WHERE __ts > $until`;
      const span = retainSql === undefined ? spanUs : 0;
      const values = { until: timestamp(Math.max(MIN_US, toUs - span)) };
      const counted = await connection.runAndReadAll(
        `SELECT (SELECT count(*) FROM ${table}), (SELECT count(*) FROM (${needed}))`,
        values,
      );
      const [all = 0, left = 0] = counted.getRows()[0]?.map(Number) ?? [];
      // Creating the table again frees memory, and deleting rows does not. Unneeded rows do not change results, so the
      // table is only created again if half of its rows are unneeded.
      if (all > 0 && 2 * left <= all)
        await connection.run(`CREATE OR REPLACE TABLE ${schema}.${table} AS ${needed}`, values);
    },
  };
}
