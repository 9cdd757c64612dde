import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { runAsChild } from '../childProcess';
import { stopOnSignal } from '../lifecycle';
import { DATABASE_CONFIGURATION, WAL_SEGMENT_MB, loadPGlite } from './pglite';
import { MAX_DATABASE_CONNECTIONS } from './limits';
import { seedSql } from './seed';

/** Twice the guard's limit, because a connection that the guard has closed may still be open here. */
const MAX_CONNECTIONS = 2 * MAX_DATABASE_CONNECTIONS;
const CACHE_FOLDER = '.hubfront';
const CACHE_NAME = 'product-database-';
const MAX_DATA_FOLDER_BYTES = 100_000_000;
/** The type of a Query message. It always has a response, unless PostgreSQL skips messages until a Sync. */
const QUERY = 'Q'.charCodeAt(0);
const SYNC = Buffer.from('5300000004', 'hex');

/**
 * PostgreSQL in WebAssembly, in memory, with the demo shop's products. Clients connect to the guard in front of it.
 * Its start blocks the process for several seconds, so it has a separate process.
 */
export async function main(): Promise<void> {
  runAsChild();
  const database = await openDatabase();
  const execute = database.execProtocolRawStream.bind(database);
  // PGlite does not recover from a failure outside SQL, and its socket server would wait indefinitely.
  const executeOrExit: typeof execute = (message, options) =>
    execute(message, options).catch((error: unknown) => {
      console.error(`the product database failed: ${(error as Error).message}`);
      process.exit(1);
    });
  database.execProtocolRawStream = async (message, options) => {
    let responseBytes = 0;
    const onRawData = (data: Uint8Array): void => {
      responseBytes += data.length;
      options.onRawData(data);
    };
    await executeOrExit(message, { ...options, onRawData });
    if (message[0] !== QUERY || responseBytes > 0) return;
    // All clients share one session. A client has ended after a wrong message, without the Sync that ends the error.
    await executeOrExit(SYNC, { ...options, onRawData: () => undefined });
    await executeOrExit(message, options);
  };
  const server = new PGLiteSocketServer({
    db: database,
    host: '127.0.0.1',
    port: 0,
    maxConnections: MAX_CONNECTIONS,
  });
  await server.start();
  stopOnSignal([{ close: () => server.stop() }]);
  console.log(`database ready ${server.getServerConn()}`);
}

async function openDatabase(): Promise<PGlite> {
  const Database = await loadPGlite();
  const open = (folder: Buffer): Promise<PGlite> =>
    Database.create({ loadDataDir: new Blob([new Uint8Array(folder)]) });
  const kept = await readFile(cacheFile()).catch(() => undefined);
  if (kept) {
    const opened = await open(kept).catch(() => undefined);
    if (opened) return opened;
  }
  return open(await makeDataFolder());
}

/** The path of the cached data folder. Its name changes when its sources change. */
function cacheFile(): string {
  const packageFile = require.resolve('@electric-sql/pglite').replace(/dist[\\/].*$/, 'package.json');
  const ingredients = [readFileSync(packageFile), seedSql(), WAL_SEGMENT_MB, ...DATABASE_CONFIGURATION];
  const version = createHash('sha256').update(ingredients.join('\n')).digest('hex').slice(0, 16);
  return join(CACHE_FOLDER, `${CACHE_NAME}${version}.tar.gz`);
}

/**
 * The data folder of a database with the demo products. It is cached, because creating it takes most of the time of a
 * first start.
 */
async function makeDataFolder(): Promise<Buffer> {
  console.error('Creating the product database; later starts reuse it');
  const { stdout } = await promisify(execFile)(process.execPath, ['local/launch.mjs', 'products:prepare'], {
    encoding: 'buffer',
    maxBuffer: MAX_DATA_FOLDER_BYTES,
  });
  await keep(stdout).catch(() => undefined); // the next start creates it again
  return stdout;
}

/** Renamed to its final name, because another start may read it at the same time. */
async function keep(content: Buffer): Promise<void> {
  const file = cacheFile();
  await mkdir(CACHE_FOLDER, { recursive: true });
  await writeFile(`${file}.${process.pid}`, content);
  await rename(`${file}.${process.pid}`, file);
  for (const name of await readdir(CACHE_FOLDER)) {
    const other = join(CACHE_FOLDER, name);
    if (name.startsWith(CACHE_NAME) && other !== file) await rm(other, { force: true });
  }
}
