/** Keeps the rows that temporal nodes need from batch to batch. */

import type { DuckDBConnection, DuckDBTimestampValue } from '@duckdb/node-api';
import type { Kept } from './query';
import { MIN_US, timestamp } from './duckdbTimestamp';

/** Kept rows are searched for equal ones when so many have been added, or as many again as there were. */
const COLLAPSE_ROWS = 10_000;

/** What runs statements. */
export type Statements = Pick<DuckDBConnection, 'run' | 'runAndReadAll'>;

export interface KeptRows {
  /** Adds the rows of the batch. @param first creates the table */
  add: (kept: Kept, first: boolean) => Promise<void>;
  /** Removes rows that no result after this time needs, µs since 1970. @returns how many rows are left */
  prune: (kept: Kept, toUs: number) => Promise<number>;
}

/**
 * @param schema of the tables in SQL, which the SQL of plans need not name
 * @param views the tables that are views of the batch and of the rows that were kept before it, so that a large batch is
 *   not copied
 */
export function createKeptRows(
  connection: Statements,
  schema: string,
  views: ReadonlySet<string> = new Set(),
): KeptRows {
  const inTables = createKeptTables(connection, schema);
  const inViews = createKeptViews(connection);
  const of = ({ table }: Kept): KeptRows => (views.has(table) ? inViews : inTables);
  return {
    add: (kept, first) => of(kept).add(kept, first),
    prune: (kept, toUs) => of(kept).prune(kept, toUs),
  };
}

/** Creates a table from a query. @returns the number of its rows, which `rowsChanged` does not have */
async function createTable(
  connection: Statements,
  sql: string,
  values?: Record<string, DuckDBTimestampValue>,
): Promise<number> {
  const created = await connection.runAndReadAll(sql, values);
  return Number(created.getRows()[0]?.[0] ?? 0);
}

/** The rows must be pruned after each batch. */
function createKeptViews(connection: Statements): KeptRows {
  /** by table: the table of the rows of the batches before */
  const stored = new Map<string, string>();
  return {
    add: async ({ table, sql }) => {
      const before = stored.get(table);
      const all = before === undefined ? sql : `SELECT * FROM ${before} UNION ALL ${sql}`;
      await connection.run(`CREATE OR REPLACE TEMP VIEW ${table} AS ${all}`);
    },
    prune: async ({ table, spanUs }, toUs) => {
      const before = stored.get(table);
      const next = before === `${table}_a` ? `${table}_b` : `${table}_a`;
      const left = await createTable(
        connection,
        `CREATE OR REPLACE TEMP TABLE ${next} AS SELECT * FROM ${table} WHERE __ts > $until`,
        { until: timestamp(Math.max(MIN_US, toUs - spanUs)) },
      );
      if (before !== undefined) await connection.run(`DROP TABLE ${before}`);
      stored.set(table, next);
      return left;
    },
  };
}

function createKeptTables(connection: Statements, schema: string): KeptRows {
  /** by table: the maximum number of rows that it may have now, and the number at which equal rows are merged */
  const sizes = new Map<string, { rows: number; limit: number }>();
  return {
    add: async ({ table, sql, collapseSql }, first) => {
      const added = first
        ? await createTable(connection, `CREATE TABLE ${schema}.${table} AS ${sql}`)
        : (await connection.run(`INSERT INTO ${schema}.${table} ${sql}`)).rowsChanged;
      if (collapseSql === undefined) return;
      const { rows, limit } = sizes.get(table) ?? { rows: 0, limit: COLLAPSE_ROWS };
      if (rows + added < limit) sizes.set(table, { rows: rows + added, limit });
      else {
        const collapsed = await createTable(
          connection,
          `CREATE OR REPLACE TABLE ${schema}.${table} AS ${collapseSql}`,
        );
        sizes.set(table, { rows: collapsed, limit: 2 * collapsed + COLLAPSE_ROWS });
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
      if (all === 0 || 2 * left > all) return all;
      await connection.run(`CREATE OR REPLACE TABLE ${schema}.${table} AS ${needed}`, values);
      return left;
    },
  };
}
