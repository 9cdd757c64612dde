import type { DuckDBConnection } from '@duckdb/node-api';
import { type Output, sqlName, sqlText } from '../query';
import { STATE_SCHEMA } from '../state';
import type { Checkpoint } from './hubReader';

/** The rows and the checkpoint of a job, in the file that also has the state of its query. */
export interface Results {
  checkpoint: () => Checkpoint;
  /** counts of the events up to the checkpoint, by the names of the engine's counts */
  counts: () => ReadonlyMap<string, number>;
  /** resets the checkpoint of a partition */
  forget: (partition: string) => void;
  /**
   * Runs a batch in one transaction with the storing of its rows, its checkpoint and counts, and the state of the query.
   * If the batch fails, nothing of it is stored.
   */
  commit: (work: () => Promise<Batch>) => Promise<void>;
  /** Deletes the oldest rows. */
  trim: () => Promise<void>;
}

export interface Batch {
  /** outputs that have rows in their tables */
  outputs: readonly Output[];
  /** moves the checkpoint of these partitions */
  done: Checkpoint;
  counts?: Readonly<Record<string, number>>;
}

/** The name of the attached file in SQL. */
export const RESULTS_SCHEMA = 'results';
export const resultTable = (output: string): string => `${RESULTS_SCHEMA}.main.${sqlName(output)}`;
const STATE = `${RESULTS_SCHEMA}.${STATE_SCHEMA}`;

/** How long rows are kept, which is the time that a dashboard shows. */
const KEPT_MINUTES = 24 * 60;
/** Maximum number of rows that are kept per output. */
const KEPT_ROWS = 100_000;
/** Old rows are also deleted after this many new rows, because there may be too many between two regular deletions. */
const TRIM_EVERY_ROWS = 100_000;

/** @param connection of a database with the file attached as {@link RESULTS_SCHEMA}, and its state opened */
export async function openResults(
  connection: DuckDBConnection,
  outputs: readonly Output[],
): Promise<Results> {
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${STATE}.checkpoint (partition VARCHAR PRIMARY KEY, sequence_number BIGINT)`,
  );
  await connection.run(`CREATE TABLE IF NOT EXISTS ${STATE}.counts (name VARCHAR PRIMARY KEY, value BIGINT)`);
  const counted = await connection.runAndReadAll(`SELECT * FROM ${STATE}.counts`);
  const counts = new Map(counted.getRows().map(([name, value]) => [String(name), Number(value)]));
  const made = new Set<string>();
  const kept = await connection.runAndReadAll(`SELECT * FROM ${STATE}.checkpoint`);
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

  async function replace(table: string, rows: Iterable<readonly [string, number]>): Promise<void> {
    const values = [...rows].map(([key, value]) => `(${sqlText(key)}, ${value})`).join(', ');
    if (values !== '') await connection.run(`INSERT OR REPLACE INTO ${STATE}.${table} VALUES ${values}`);
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
    commit: async (work) => {
      await connection.run('BEGIN');
      let batch: Batch;
      try {
        batch = await work();
        for (const output of batch.outputs) {
          await makeTable(output);
          added += (
            await connection.run(
              `INSERT INTO ${resultTable(output.name)} SELECT * EXCLUDE (__row) FROM ${output.table} ORDER BY __ts, __seq, __row`,
            )
          ).rowsChanged;
        }
        // One statement each, because planning a statement takes longer than running it.
        await replace('checkpoint', batch.done);
        await replace('counts', Object.entries(batch.counts ?? {}));
        await connection.run('COMMIT');
      } catch (error) {
        await connection.run('ROLLBACK');
        made.clear();
        throw error;
      }
      for (const [partition, sequenceNumber] of batch.done) checkpoint.set(partition, sequenceNumber);
      for (const [name, value] of Object.entries(batch.counts ?? {})) counts.set(name, value);
      if (added >= TRIM_EVERY_ROWS) await trim();
    },
  };
}
