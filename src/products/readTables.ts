/** Reads products and SKUs from PostgreSQL in one transaction. */

import { Client } from 'pg';
import Cursor from 'pg-cursor';
import type { ProductQueries } from '../settings';

const CONNECT_TIMEOUT_MS = 15_000;
/** Below the default timeout of a function, five minutes. */
const STATEMENT_TIMEOUT_MS = 240_000;
/** Rows per fetch. */
const FETCH_ROWS = 1_000;

/** The two tables of a snapshot. */
export const TABLES = ['products', 'skus'] as const;
export type Table = (typeof TABLES)[number];

/** The columns of a SKU row that do not describe its product. */
const SKU_COLUMNS = ['sku_id', 'size_name', 'color_name'];
/** The join keys. The tables have one row per combination of their values. */
const KEYS: Readonly<Record<Table, readonly string[]>> = {
  products: ['product_id'],
  skus: ['product_id', 'size_name', 'color_name'],
};

/**
 * Reads products and SKUs from PostgreSQL in one transaction, so that both show the same state of the database. The
 * database serializes each row as a JSON object: numbers keep all their digits, and dates are ISO 8601 in UTC. The
 * transaction is read-only, whatever the queries contain. Of rows with the same join key, the first one is kept, so
 * that a join gives one row per event.
 *
 * @throws Error of the database, without the URL; its property `setting` names the query that failed
 */
export async function* readTables(
  databaseUrl: string,
  { products, skus }: ProductQueries,
): AsyncGenerator<{ table: Table; rows: string[] }> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'hubfront snapshotProducts',
  });
  // Without a listener, a connection error between two reads would be uncaught. The next read reports it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query(`SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
    await client.query("SET LOCAL TIME ZONE 'UTC'");
    const columns = await named('PRODUCTS_QUERY', () => columnsOf(client, products));
    for await (const rows of read(client, 'PRODUCTS_QUERY', tableSql('products', products, columns)))
      yield { table: 'products', rows };
    // Without SKUS_QUERY, PRODUCTS_QUERY may return one row per SKU, as in earlier versions.
    const source = skus ?? (columns.includes('sku_id') ? products : undefined);
    if (source !== undefined) {
      const setting = skus === undefined ? 'PRODUCTS_QUERY' : 'SKUS_QUERY';
      const skuColumns = skus === undefined ? columns : await named(setting, () => columnsOf(client, source));
      for await (const rows of read(client, setting, tableSql('skus', source, skuColumns)))
        yield { table: 'skus', rows };
    }
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

const embedded = (query: string): string => `(${query.replace(/;\s*$/, '')}\n) AS source`;

async function columnsOf(client: Client, query: string): Promise<string[]> {
  const { fields } = await client.query(`SELECT * FROM ${embedded(query)} LIMIT 0`);
  return fields.map(({ name }) => name);
}

/** One JSON text per row, in the order of the query. */
function tableSql(table: Table, query: string, columns: readonly string[]): string {
  const keys = KEYS[table];
  const json =
    table === 'products' && columns.includes('sku_id')
      ? `to_jsonb(source) - ARRAY[${SKU_COLUMNS.map((column) => `'${column}'`).join(', ')}]`
      : 'row_to_json(source)';
  if (!keys.every((key) => columns.includes(key)))
    return `SELECT (${json})::text AS row FROM ${embedded(query)}`;
  return `SELECT row FROM (
      SELECT row, place, row_number() OVER (PARTITION BY ${keys.join(', ')} ORDER BY place) AS copy FROM (
        SELECT (${json})::text AS row, row_number() OVER () AS place, ${keys.join(', ')} FROM ${embedded(query)}
      ) AS numbered
    ) AS counted WHERE copy = 1 ORDER BY place`;
}

async function* read(client: Client, setting: string, sql: string): AsyncGenerator<string[]> {
  const cursor = client.query(new Cursor<{ row: string }>(sql));
  for (;;) {
    const rows = await named(setting, () => cursor.read(FETCH_ROWS));
    if (rows.length === 0) break;
    yield rows.map(({ row }) => row);
  }
  await cursor.close();
}

/** Runs a part of a query, and adds the setting of the query to its errors. */
async function named<T>(setting: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { setting }) : error;
  }
}
