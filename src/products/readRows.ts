import { Client } from 'pg';
import Cursor from 'pg-cursor';

const CONNECT_TIMEOUT_MS = 15_000;
/** Below the five minutes that a function may take. */
const STATEMENT_TIMEOUT_MS = 240_000;
/** Rows are fetched this many at a time, however many there are. */
const FETCH_ROWS = 1_000;

/**
 * Reads the rows of a query from PostgreSQL, each as one JSON object, made by the database: numbers keep all their
 * digits, dates are ISO 8601 in UTC. The transaction is read-only, whatever the query says.
 *
 * @throws Error of the database, without the URL
 */
export async function* readRows(databaseUrl: string, query: string): AsyncGenerator<string[]> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'hubfront snapshotProducts',
  });
  // A connection that breaks between two reads has nobody else to tell; the next read fails.
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
