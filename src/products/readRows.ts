/** Reads the product rows from PostgreSQL. */

import { Client } from 'pg';
import Cursor from 'pg-cursor';

const CONNECT_TIMEOUT_MS = 15_000;
/** Below the default timeout of a function, five minutes. */
const STATEMENT_TIMEOUT_MS = 240_000;
/** Rows per fetch. */
const FETCH_ROWS = 1_000;

/**
 * Reads the rows of a query from PostgreSQL. The database serializes each row as a JSON object: numbers keep all their
 * digits, and dates are ISO 8601 in UTC. The transaction is read-only, whatever the query contains.
 *
 * @throws Error of the database, without the URL
 */
export async function* readRows(databaseUrl: string, query: string): AsyncGenerator<string[]> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'hubfront snapshotProducts',
  });
  // Without a listener, a connection error between two reads would be uncaught. The next read reports it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN TRANSACTION READ ONLY');
    await client.query(`SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
    await client.query("SET LOCAL TIME ZONE 'UTC'");
    const text = `SELECT row_to_json(product)::text AS row FROM (${query.replace(/;\s*$/, '')}\n) AS product`;
    const cursor = client.query(new Cursor<{ row: string }>(text));
    for (;;) {
      const rows = await cursor.read(FETCH_ROWS);
      if (rows.length === 0) break;
      yield rows.map(({ row }) => row);
    }
    await cursor.close();
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}
