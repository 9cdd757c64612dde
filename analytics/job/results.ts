import type { DuckDBConnection } from '@duckdb/node-api';
import { type Output, sqlName, sqlText } from '../query';
import type { Checkpoint } from './hubReader';

/** The rows and the checkpoint of a job, in one file. They are written together or not at all. */
export interface Results {
  checkpoint: () => Checkpoint;
  /** counts of the events up to the checkpoint, by the names of the engine's counts */
  counts: () => ReadonlyMap<string, number>;
  /** resets the checkpoint of a partition */
  forget: (partition: string) => void;
  /** Appends the rows in the output tables, moves the checkpoint, and stores the counts. */
  commit: (
    outputs: readonly Output[],
    done: Checkpoint,
    counts?: Readonly<Record<string, number>>,
  ) => Promise<void>;
  /** Deletes the oldest rows. */
  trim: () => Promise<void>;
}

/** The name of the attached file in SQL. */
export const RESULTS_SCHEMA = 'results';
export const resultTable = (output: string): string => `${RESULTS_SCHEMA}.${sqlName(output)}`;

/** How long rows are kept, which is the time that a dashboard shows. */
const KEPT_MINUTES = 24 * 60;
/** Maximum number of rows that are kept per output. */
const KEPT_ROWS = 100_000;
/** Old rows are also deleted after this many new rows, because there may be too many between two regular deletions. */
const TRIM_EVERY_ROWS = 100_000;

/** @throws Error if the file belongs to another query, so that its columns do not fit */
export async function openResults(
  connection: DuckDBConnection,
  file: string,
  outputs: readonly Output[],
): Promise<Results> {
  await connection.run(`ATTACH ${sqlText(file)} AS ${RESULTS_SCHEMA}`);
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${RESULTS_SCHEMA}.checkpoint (partition VARCHAR PRIMARY KEY, sequence_number BIGINT)`,
  );
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${RESULTS_SCHEMA}.counts (name VARCHAR PRIMARY KEY, value BIGINT)`,
  );
  const counted = await connection.runAndReadAll(`SELECT * FROM ${RESULTS_SCHEMA}.counts`);
  const counts = new Map(counted.getRows().map(([name, value]) => [String(name), Number(value)]));
  const made = new Set<string>();
  const kept = await connection.runAndReadAll(`SELECT * FROM ${RESULTS_SCHEMA}.checkpoint`);
  const checkpoint = new Map<string, number>();
  for (const [partition, sequenceNumber] of kept.getRows())
    checkpoint.set(String(partition), Number(sequenceNumber));

  /** The columns are known after the first result. */
  async function makeTable({ name, table }: Output): Promise<void> {
    if (made.has(name)) return;
    await connection.run(
      `CREATE TABLE IF NOT EXISTS ${resultTable(name)} AS SELECT * EXCLUDE (__row) FROM ${table} LIMIT 0`,
    );
    made.add(name);
  }

  let added = 0;
  async function trim(): Promise<void> {
    added = 0;
    for (const { name } of outputs) {
      if (!made.has(name)) continue;
      const table = resultTable(name);
      await connection.run(
        `DELETE FROM ${table} WHERE __ts < (now() AT TIME ZONE 'UTC') - INTERVAL '${KEPT_MINUTES} minutes'
           OR rowid <= (SELECT max(rowid) - ${KEPT_ROWS} FROM ${table})`,
      );
    }
    await connection.run(`CHECKPOINT ${RESULTS_SCHEMA}`).catch((error: unknown) => {
      // It frees the space of deleted rows. While the dashboard writes its own tables, this is postponed.
      if (!String(error).includes('other write transactions')) throw error;
    });
  }

  return {
    trim,
    checkpoint: () => checkpoint,
    counts: () => counts,
    forget: (partition) => checkpoint.delete(partition),
    commit: async (withRows, done, newCounts = {}) => {
      for (const output of withRows) await makeTable(output);
      await connection.run('BEGIN');
      try {
        for (const { name, table } of withRows)
          added += (
            await connection.run(
              `INSERT INTO ${resultTable(name)} SELECT * EXCLUDE (__row) FROM ${table} ORDER BY __ts, __seq, __row`,
            )
          ).rowsChanged;
        for (const [partition, sequenceNumber] of done)
          await connection.run(
            `INSERT OR REPLACE INTO ${RESULTS_SCHEMA}.checkpoint VALUES (${sqlText(partition)}, ${sequenceNumber})`,
          );
        for (const [name, value] of Object.entries(newCounts))
          await connection.run(
            `INSERT OR REPLACE INTO ${RESULTS_SCHEMA}.counts VALUES (${sqlText(name)}, ${value})`,
          );
        await connection.run('COMMIT');
      } catch (error) {
        await connection.run('ROLLBACK');
        throw error;
      }
      for (const [partition, sequenceNumber] of done) checkpoint.set(partition, sequenceNumber);
      for (const [name, value] of Object.entries(newCounts)) counts.set(name, value);
      if (added >= TRIM_EVERY_ROWS) await trim();
    },
  };
}
