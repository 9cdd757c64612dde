/** Reads rows of the analytics job's results. */

import type { DuckDBConnection } from '@duckdb/node-api';
import { type Job, resultTable } from '../../analytics/job';
import { type Column, type Output, sqlName } from '../../analytics/query';

/** The columns that the dashboard reads from the output with one row per event, with their types. */
export const COLUMNS = {
  event: 'VARCHAR',
  message_id: 'VARCHAR',
  element_index: 'BIGINT',
  item_index: 'BIGINT',
  device_id: 'VARCHAR',
  session_id: 'VARCHAR',
  product_id: 'BIGINT',
  product_name: 'VARCHAR',
  product_code: 'VARCHAR',
  product_state: 'VARCHAR',
  sku_id: 'BIGINT',
  size_name: 'VARCHAR',
  color_name: 'VARCHAR',
  price: 'DOUBLE',
  price_currency: 'VARCHAR',
  quantity: 'BIGINT',
  unit_price: 'DOUBLE',
  currency: 'VARCHAR',
  order_id: 'VARCHAR',
  revenue: 'DOUBLE',
  page_location: 'VARCHAR',
  page_referrer: 'VARCHAR',
  utm_source: 'VARCHAR',
  utm_medium: 'VARCHAR',
  utm_campaign: 'VARCHAR',
} as const;

/** The output that has most of the columns. */
export interface EventOutput {
  name: string;
  columns: readonly Column[];
  /** the {@link COLUMNS} that the output does not have */
  missing: readonly string[];
  /** a subquery with all of {@link COLUMNS}, `__ts` and `__seq`; missing ones are null */
  sql: string;
  /** the same without rows, for use before the output's table exists */
  emptySql: string;
}

export function eventOutput({ plan }: Pick<Job, 'plan'>): EventOutput {
  const wanted = Object.entries(COLUMNS);
  const lacks = ({ columns }: Output) =>
    wanted.filter(([name]) => !columns.some((column) => column.name === name)).map(([name]) => name);
  const [output] = [...plan.outputs].sort((a, b) => lacks(a).length - lacks(b).length);
  const missing = output ? lacks(output) : wanted.map(([name]) => name);
  const columns = wanted.map(([name, type]) =>
    missing.includes(name)
      ? `CAST(NULL AS ${type}) AS ${name}`
      : `TRY_CAST(${sqlName(name)} AS ${type}) AS ${name}`,
  );
  const nulls = wanted.map(([name, type]) => `CAST(NULL AS ${type}) AS ${name}`);
  return {
    name: output?.name ?? '',
    columns: (output?.columns ?? []).filter(({ kind }) => kind === 'column'),
    missing,
    sql: `(SELECT ${columns.join(', ')}, __ts, __seq FROM ${resultTable(output?.name ?? '')})`,
    emptySql: `(SELECT ${nulls.join(', ')}, CAST(NULL AS TIMESTAMP) AS __ts, CAST(NULL AS BIGINT) AS __seq WHERE false)`,
  };
}

/** Whether an output has had a row. Before that, its table does not exist. */
export async function hasRows(connection: DuckDBConnection, output: string): Promise<boolean> {
  const found = await connection.runAndReadAll(
    "SELECT 1 FROM duckdb_tables() WHERE database_name = 'results' AND schema_name = 'main' AND table_name = $output",
    { output },
  );
  return found.currentRowCount > 0;
}

/** A 64-bit integer as a number, or as text if a JavaScript number cannot represent it exactly. */
const exactNumber = (text: string): number | string =>
  Number.isSafeInteger(Number(text)) ? Number(text) : text;

/** Converts 64-bit integers to JSON numbers if these are exact, and datetimes to ISO 8601. */
export async function jsonRows(
  connection: DuckDBConnection,
  sql: string,
): Promise<Record<string, unknown>[]> {
  const found = await connection.runAndReadAll(sql);
  return found.getRowObjectsJson().map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value], i) => {
        const type = String(found.columnType(i));
        if (typeof value === 'string' && type === 'BIGINT') return [key, exactNumber(value)];
        if (typeof value === 'string' && type === 'TIMESTAMP') return [key, `${value.replace(' ', 'T')}Z`];
        return [key, value];
      }),
    ),
  );
}
