import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { endWithParent } from '../childProcess';
import { stopOnSignal } from '../lifecycle';
import { seedSql } from './seed';

/** The snapshot, a psql session and a few more; PGlite takes their statements in turn. */
const MAX_CONNECTIONS = 20;

/**
 * PostgreSQL in WebAssembly, in memory, with the demo shop's products: the ordinary `pg` client and `psql` speak to it.
 * It starts for seconds in which its process does nothing else, so it has one of its own.
 */
export async function main([port = '0']: readonly string[]): Promise<void> {
  endWithParent();
  const database = await PGlite.create();
  await database.exec(seedSql());
  const server = new PGLiteSocketServer({
    db: database,
    host: '127.0.0.1',
    port: Number(port),
    maxConnections: MAX_CONNECTIONS,
  });
  await server.start();
  stopOnSignal([{ close: () => server.stop() }]);
  console.log(`database ready postgres://postgres@${server.getServerConn()}/postgres`);
}
