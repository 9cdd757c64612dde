/** Computes a plan over loaded events, slice by slice, and writes its rows to files. */

import type { BoundedDatabase } from './boundedDatabase';
import { MAX_US } from './duckdbTimestamp';
import type { Statements } from './keptRows';
import { createNodeRun } from './nodeRun';
import { type Output, type Plan, raisedInQuery, sqlName } from './query';
import { createRowFile } from './rowFile';
import { type LoadedSource, needsSlices, sliceEnds, sliceSql, viewsOf } from './slices';

export interface SliceRun {
  plan: Plan;
  sources: readonly LoadedSource[];
  /** whether the events of each source are in the order of time */
  inOrder: boolean;
  /** by table of an output: the file for its rows, one JSON object per line */
  outputs: ReadonlyMap<string, string>;
  /** maximum number of events in a slice */
  maxSliceRows?: number | undefined;
  /** is called before each slice, with the shares of the events before it and up to its end */
  onSlice?: (done: number, next: number) => void;
}

/** @throws {QueryError} when the query stops on an event */
export async function runSlices(
  { connection, bounded }: BoundedDatabase,
  { plan, sources, inOrder, outputs, maxSliceRows, onSlice }: SliceRun,
): Promise<void> {
  const statements: Statements = {
    run: (...args) => bounded(() => connection.run(...args)),
    runAndReadAll: (...args) => bounded(() => connection.runAndReadAll(...args)),
  };
  const { ends, rows } = needsSlices(plan)
    ? await sliceEnds(statements, sources, maxSliceRows)
    : { ends: [], rows: 1 };
  let fromUs = -Infinity;
  let toUs = Infinity;
  const nodes = createNodeRun({
    connection: statements,
    schema: 'main',
    nodes: plan.nodes,
    views: viewsOf(plan),
    watermarkOf: () => Math.min(toUs, MAX_US),
  });
  const writers: Writer[] = [];
  try {
    for (const output of plan.outputs) {
      const file = outputs.get(output.table);
      if (file !== undefined) writers.push(createWriter(statements, output, file, ends.length + 1, inOrder));
    }
    let keptRows = 0;
    for (let i = 0; i <= ends.length; i += 1) {
      const first = i;
      // Kept rows are computed again, so the time would be quadratic if a slice did not have about as many rows itself.
      i += Math.min(ends.length - i, Math.floor(keptRows / rows));
      onSlice?.(first / (ends.length + 1), (i + 1) / (ends.length + 1));
      toUs = ends[i] ?? Infinity;
      for (const one of sources)
        await statements.run(
          `CREATE OR REPLACE TEMP VIEW ${one.source.table} AS ${sliceSql(one, fromUs, toUs)}`,
        );
      keptRows = await nodes.run(async () => {
        for (const writer of writers) await writer.write();
      });
      fromUs = toUs;
    }
    for (const writer of writers) await writer.end();
    for (const writer of writers) await writer.finish();
  } finally {
    await Promise.allSettled(writers.map((writer) => writer.close()));
  }
}

interface Writer {
  /** Writes the rows of a slice. */
  write: () => Promise<void>;
  /** Writes what had to wait for the last slice. */
  end: () => Promise<void>;
  /** Puts the rows in the place of the file. An error in another output must not come after it. */
  finish: () => Promise<void>;
  close: () => Promise<void>;
}

function createWriter(
  connection: Statements,
  output: Output,
  path: string,
  slices: number,
  inOrder: boolean,
): Writer {
  const { table, rowsSql, rowsSqlOf, unsortedSql, ascends, at } = output;
  const file = createRowFile(connection, path, slices === 1);
  const raised = async (work: () => Promise<unknown>): Promise<void> => {
    await work().catch((error: unknown) => {
      throw raisedInQuery(error, at);
    });
  };
  const append = (): Promise<void> =>
    raised(() => file.append((inOrder ? unsortedSql : undefined) ?? rowsSql));
  const { finish, close } = file;
  if (ascends || slices === 1) return { write: append, end: () => Promise.resolve(), finish, close };
  const all = `all_${table}`;
  let isFirst = true;
  return {
    write: async () => {
      const into = isFirst ? `CREATE TEMP TABLE ${sqlName(all)} AS` : `INSERT INTO ${sqlName(all)}`;
      await raised(() => connection.run(`${into} SELECT * FROM ${sqlName(table)}`));
      isFirst = false;
    },
    end: () => raised(() => file.append(rowsSqlOf(all))),
    finish,
    close,
  };
}
