/** Checks the file of a job before it is used, and sets an unusable file aside. */

import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { sqlName, textOf } from '../query';
import { LAYOUT, STATE_SCHEMA } from '../state';

/** Suffix of the name to which an unusable file is renamed. Only the last such file is kept. */
export const SET_ASIDE = '.previous';

/** DuckDB keeps recent transactions in a second file. */
const LOG_SUFFIX = '.wal';

/** Errors of the system, which do not mean that the file is damaged. */
const NOT_DAMAGE = /\block\b|permission denied|no space left|too many open files|out of memory/i;

/**
 * Sets the file aside if it is damaged or belongs to another query, so that the job starts afresh, and logs the reason.
 *
 * @param fingerprint of the query
 * @throws Error if the file cannot be opened for another reason, such as a second job that uses it
 */
export async function checkJobFile(
  file: string,
  fingerprint: string,
  log: (line: string) => void,
): Promise<void> {
  if (![file, file + LOG_SUFFIX].some((one) => existsSync(one))) return;
  const problem = await problemOf(file, fingerprint);
  if (problem === undefined) return;
  for (const suffix of ['', LOG_SUFFIX]) {
    await rm(file + SET_ASIDE + suffix, { force: true });
    if (existsSync(file + suffix)) await rename(file + suffix, file + SET_ASIDE + suffix);
  }
  log(`analytics starts afresh: ${problem}; the old file is kept as ${file + SET_ASIDE}`);
}

/** Why a job cannot use the file; undefined if it can. */
async function problemOf(file: string, fingerprint: string): Promise<string | undefined> {
  if (!existsSync(file)) return `${file} is missing, but its log of transactions is not`;
  try {
    // This uses a separate database, because a database that detects damage may become unusable.
    const instance = await DuckDBInstance.create(file, { threads: '1' });
    const connection = await instance.connect();
    try {
      const rows = async (sql: string): Promise<string[][]> =>
        (await connection.runAndReadAll(sql)).getRows().map((row) => row.map(String));
      const tables = await rows('SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal');
      // Every block has a checksum, which DuckDB compares when it reads the block.
      for (const [schema = '', table = ''] of tables)
        await connection.run(`SELECT bit_xor(hash(*COLUMNS(*))) FROM ${sqlName(schema)}.${sqlName(table)}`);
      if (!tables.some(([schema, table]) => schema === STATE_SCHEMA && table === 'query'))
        return `${file} has no state of a query`;
      const read = await connection.runAndReadAll(`SELECT * FROM ${STATE_SCHEMA}.query`);
      const [stored = {}] = read.getRowObjects();
      // The first version did not store its number.
      const layout = Number(stored.layout ?? 1);
      if (layout !== LAYOUT)
        return `${file} keeps the state of a query in layout ${layout}, and this version reads only layout ${LAYOUT}`;
      return stored.fingerprint === fingerprint
        ? undefined
        : `the query, its functions, its time policy or the hub has changed since ${file} was written`;
    } finally {
      // An open connection would keep the file open, beside the database that the job opens.
      connection.closeSync();
      instance.closeSync();
    }
  } catch (error) {
    const meaning = textOf(error);
    if (NOT_DAMAGE.test((error as Error).message)) throw new Error(`${file}: ${meaning}`, { cause: error });
    return `${file} is damaged`;
  }
}
