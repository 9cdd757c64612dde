import { once } from 'node:events';
import { runAsChild } from '../childProcess';
import { DATABASE_CONFIGURATION, WAL_SEGMENT_MB, loadPGlite } from './pglite';
import { seedSql } from './seed';

/**
 * Creates the product database and writes its data folder to standard output, as a compressed tar file. It runs in a
 * separate process, because creating a database needs several hundred MB, which the process that serves it would keep.
 */
export async function main(): Promise<void> {
  runAsChild();
  const PGlite = await loadPGlite();
  const database = await PGlite.create({
    initDbStartParams: [`--wal-segsize=${WAL_SEGMENT_MB}`],
    postgresqlconf: DATABASE_CONFIGURATION,
  });
  await database.exec(seedSql());
  const folder = await database.dumpDataDir('gzip');
  if (!process.stdout.write(Buffer.from(await folder.arrayBuffer()))) await once(process.stdout, 'drain');
  process.exit(0);
}
