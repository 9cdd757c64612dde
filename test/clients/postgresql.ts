import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Pool } from 'pg';

const DEBIAN_FOLDER = '/usr/lib/postgresql';

/** Debian's newest PostgreSQL server programs, or undefined. */
export function findPostgresql(): string | undefined {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  const folder = newest === undefined ? undefined : join(DEBIAN_FOLDER, newest, 'bin');
  return folder !== undefined && existsSync(join(folder, 'initdb')) ? folder : undefined;
}

export interface Postgresql {
  /** connection string, by a Unix socket */
  url: string;
  /** The rows of a query, their columns by `|`. */
  query: (sql: string) => Promise<string[]>;
  close: () => Promise<void>;
}

/** A database server of its own in a temporary folder. It refuses to run as root, so root runs it as `postgres`. */
export async function startPostgresql(programs: string): Promise<Postgresql> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-postgresql-'));
  const user = process.getuid?.() === 0 ? postgresUser() : undefined;
  if (user) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const run = promisify(execFile);
  // With a locale of its own: that of the environment may not be installed, and its messages may be translated.
  const options = ['-U', 'shop', '-A', 'trust', '-N', '-E', 'UTF8', '--locale', 'C'];
  await run(join(programs, 'initdb'), ['-D', data, ...options], { ...user });
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-c', 'listen_addresses=', '-c', `unix_socket_directories=${folder}`],
    { ...user, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = new Promise<void>((resolve) =>
    server.once('exit', () => {
      resolve();
    }),
  );
  await new Promise<void>((resolve, reject) => {
    let log = '';
    server.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('ready to accept connections')) resolve();
    });
    server.once('exit', () => {
      reject(new Error(`PostgreSQL ended: ${log}`));
    });
  });
  const pool = new Pool({ host: folder, user: 'shop', database: 'postgres' });
  // A connection that is closing may still receive the shutdown of the server. Queries report their errors themselves.
  pool.on('connect', (client) => client.on('error', () => undefined));
  pool.on('error', () => undefined);
  const asText = { getTypeParser: () => (value: string) => value };
  return {
    url: `postgresql:///postgres?host=${folder}&user=shop`,
    query: async (sql) => {
      const { rows } = await pool.query<(string | null)[]>({ text: sql, rowMode: 'array', types: asText });
      return rows.map((columns) => columns.map((text) => text ?? '').join('|'));
    },
    close: async () => {
      await pool.end();
      server.kill('SIGINT'); // "fast shutdown"
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function postgresUser(): { uid: number; gid: number } {
  const id = (what: string): number => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
