/** Keeps a list of the versions of reference data, so that a restarted job continues with the same ones. */

import type { DuckDBConnection } from '@duckdb/node-api';
import { timestamp } from './duckdbTimestamp';
import { sqlText } from './query';

/** A version of reference data: a snapshot that is valid from a time on. */
export interface ReferenceVersion {
  /** path of the snapshot in its container */
  path: string;
  /** µs since 1970 */
  validFromUs: number;
  rows: number;
}

/** Maximum number of versions of one reference input. The oldest one that is held then also applies to earlier events. */
export const MAX_VERSIONS = 100;

export interface ReferenceVersions {
  newest: (table: string) => Promise<ReferenceVersion | undefined>;
  add: (table: string, origin: string, version: ReferenceVersion) => Promise<void>;
  /** Removes the versions that are not valid at or after this time, µs since 1970, and the oldest beyond the maximum. */
  prune: (table: string, neededFromUs: number) => Promise<void>;
  /** Removes all versions if they have another origin. */
  removeOthers: (table: string, origin: string) => Promise<void>;
}

/** @param schema of the list in SQL. It may exist if it is in a file. */
export async function createReferenceVersions(
  connection: DuckDBConnection,
  schema: string,
): Promise<ReferenceVersions> {
  const list = `${schema}.reference_versions`;
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${list} (reference VARCHAR, origin VARCHAR, path VARCHAR, valid_from_us BIGINT, row_count BIGINT)`,
  );
  return {
    newest: async (table) => {
      const read = await connection.runAndReadAll(
        `SELECT path, valid_from_us, row_count FROM ${list} WHERE reference = ${sqlText(table)} ORDER BY valid_from_us DESC LIMIT 1`,
      );
      const [row] = read.getRows();
      return row && { path: String(row[0]), validFromUs: Number(row[1]), rows: Number(row[2]) };
    },
    add: async (table, origin, { path, validFromUs, rows }) => {
      await connection.run(
        `INSERT INTO ${list} VALUES (${[table, origin, path].map(sqlText).join(', ')}, ${validFromUs}, ${rows})`,
      );
    },
    prune: async (table, neededFromUs) => {
      const read = await connection.runAndReadAll(
        `SELECT valid_from_us FROM ${list} WHERE reference = ${sqlText(table)} ORDER BY valid_from_us`,
      );
      const starts = read.getRows().map(([us]) => Number(us));
      const superseded = starts.filter((_, i) => (starts[i + 1] ?? Infinity) <= neededFromUs).length;
      const oldest = starts[Math.max(superseded, starts.length - MAX_VERSIONS)];
      if (oldest === undefined || oldest === starts[0]) return;
      const values = { oldest: timestamp(oldest) };
      await connection.run(`DELETE FROM ${table} WHERE valid_to <= $oldest`, values);
      await connection.run(
        `UPDATE ${table} SET valid_from = TIMESTAMP '0001-01-01' WHERE valid_from <= $oldest`,
        values,
      );
      await connection.run(
        `DELETE FROM ${list} WHERE reference = ${sqlText(table)} AND valid_from_us < ${oldest}`,
      );
    },
    removeOthers: async (table, origin) => {
      const others = `FROM ${list} WHERE reference = ${sqlText(table)} AND origin <> ${sqlText(origin)}`;
      const found = await connection.runAndReadAll(`SELECT 1 ${others} LIMIT 1`);
      if (found.currentRowCount === 0) return;
      await connection.run('BEGIN');
      await connection.run(`DELETE FROM ${table}`);
      await connection.run(`DELETE FROM ${list} WHERE reference = ${sqlText(table)}`);
      await connection.run('COMMIT');
    },
  };
}
