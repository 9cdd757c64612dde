/** Runs a query on files. */

import type { DuckDBConnection } from '@duckdb/node-api';
import {
  addedSql,
  arrivalsSql,
  countSql,
  type Suspicions,
  fileEventsSql,
  isAfter,
  messageOfNumber,
  ofStoredSql,
  ownLinesSql,
  ownTimesSql,
  progressTableSql,
  storedSql,
  timedSql,
  unchangedSql,
} from './batchSql';
import { type BoundedDatabase, openBoundedDatabase } from './boundedDatabase';
import type { Counts } from './counts';
import { MIN_US, timestamp } from './duckdbTimestamp';
import type { CsvFormat } from './fileFormat';
import { type FunctionScripts, registerFunctions } from './functions';
import { isMalformedJson, noObjects, raisedInFile, rowsOfLines } from './inputFile';
import { type InputFiles, createInputFiles } from './inputFiles';
import { memoryLimits } from './memory';
import { PROGRESS_SETTINGS, showProgress } from './progress';
import { type Plan, type StreamSource, raisedInQuery } from './query';
import { type ReferenceFile, createReferences } from './references';
import { runSlices } from './sliceRun';
import { type LoadedSource, needsSlices } from './slices';
import type { TimePolicy } from './timePolicy';

export interface FileRun {
  plan: Plan;
  policy: TimePolicy;
  /** files of each input, by its name in the query */
  inputs: ReadonlyMap<string, readonly string[]>;
  references: ReadonlyMap<string, readonly string[]>;
  /** files that are CSV whatever their names are */
  csvFiles?: ReadonlyMap<string, CsvFormat>;
  /** by table of an output: the file for its rows, one JSON object per line */
  outputs: ReadonlyMap<string, string>;
  functions?: FunctionScripts;
  /** bytes; by default, most of the machine's */
  memory?: number | undefined;
  /** maximum number of events in a slice; by default as many as memory allows */
  maxSliceRows?: number;
}

const NO_TEXT = 'CAST(NULL AS VARCHAR)';

/**
 * Runs a query on whole files: DuckDB reads them, computes the nodes of the plan in slices of time, and writes the rows.
 *
 * @throws {QueryError} when the query stops on an event
 * @throws {FormatError} when a file has another format
 */
export async function runFiles({
  plan,
  policy,
  inputs,
  references,
  csvFiles = new Map(),
  outputs,
  functions = new Map(),
  memory,
  maxSliceRows,
}: FileRun): Promise<Counts> {
  const database = await openBoundedDatabase(memoryLimits(columnsOf(plan), memory));
  const { connection, bounded } = database;
  const counts: Counts = { events: 0, malformed: 0, untimed: 0, early: 0, late: 0, lateDropped: 0 };
  const counted = new Set<string>();
  const progress = showProgress(connection);
  const opened = createInputFiles(new Set([...inputs.values()].flat()), csvFiles);
  try {
    for (const setting of PROGRESS_SETTINGS) await connection.run(setting);
    progress.phase('reading');
    await registerFunctions(connection, plan.functions, functions);
    const loaded = await createReferences(connection, plan.references);
    for (const [name, files] of references) {
      const all: ReferenceFile[] = [];
      for (const file of files) all.push({ file, opened: await opened.open(file) });
      await bounded(() => loaded.loadFiles(name, all));
    }
    const inSlices = needsSlices(plan);
    const parts = plan.sources.reduce((sum, { input }) => sum + filesOf(inputs, input).length, 0);
    let part = 0;
    const sources: LoadedSource[] = [];
    let allInOrder = true;
    for (const source of plan.sources) {
      const input = source.input.toLowerCase();
      const found = await loadSource(
        database,
        source,
        policy,
        filesOf(inputs, source.input),
        opened,
        inSlices,
        () => {
          progress.part(part / parts, (part + 1) / parts);
          part += 1;
        },
      );
      allInOrder &&= found.inOrder;
      sources.push(found.loaded);
      if (counted.has(input)) continue;
      counted.add(input);
      for (const key of Object.keys(counts) as (keyof Counts)[]) counts[key] += found.counts[key];
    }
    await opened.close();
    progress.phase('computing');
    await runSlices(database, {
      ...{ plan, sources, inOrder: allInOrder, outputs, maxSliceRows },
      onSlice: progress.part,
    });
    return counts;
  } finally {
    progress.stop();
    await opened.close();
    await database.close();
  }
}

const columnsOf = ({ sources }: Plan): number => Math.max(0, ...sources.map(({ fields }) => fields.count()));

const filesOf = (inputs: FileRun['inputs'], name: string): readonly string[] =>
  [...inputs].find(([input]) => input.toLowerCase() === name.toLowerCase())?.[1] ?? [];

async function loadSource(
  { connection, bounded }: BoundedDatabase,
  source: StreamSource,
  policy: TimePolicy,
  files: readonly string[],
  opened: InputFiles,
  sorted: boolean,
  beginFile: () => void,
): Promise<{ counts: Counts; inOrder: boolean; loaded: LoadedSource }> {
  const own = `own_${source.table}`;
  const nowUs = Date.now() * 1_000;
  let first = true;
  /** number of the last row of the files that have been read */
  let last = 0;
  const add = async (rows: string): Promise<void> => {
    const sql = `${first ? `CREATE TEMP TABLE ${own} AS` : `INSERT INTO ${own}`} ${storedSql(rows)}`;
    await bounded(() => connection.run(sql, { now: timestamp(nowUs) }));
    first = false;
  };
  const addEvents = (events: string): Promise<void> =>
    add(ownTimesSql(source, `(${events})`, `${NO_TEXT} AS other`));
  const addLines = (sql: string, suspicions: Suspicions): Promise<void> =>
    add(ownLinesSql(source, sql, suspicions, 'trusted')).catch((error: unknown) => {
      if (!isMalformedJson(error)) throw error;
      return add(ownLinesSql(source, sql, suspicions, 'checked'));
    });
  /** Replaces the lines that are no JSON objects by their events. */
  const readOthers = async (): Promise<void> => {
    const table = `others_${source.table}`;
    const isOther = `other IS NOT NULL AND ${isAfter(last)}`;
    await bounded(() =>
      connection.run(
        `CREATE TEMP TABLE ${table} AS SELECT other AS line, ${messageOfNumber('__seq')} AS __seq FROM ${own} WHERE ${isOther}`,
      ),
    );
    await bounded(() => connection.run(`DELETE FROM ${own} WHERE ${isOther}`));
    await addEvents(fileEventsSql(rowsOfLines(table), 'payload', source.fields));
    await connection.run(`DROP TABLE ${table}`);
  };
  for (const file of files) {
    beginFile();
    const found = await opened.open(file);
    const { rowsSql, lines, shape } = found;
    const numbered = (sql: string): string => `SELECT * REPLACE (__seq + ${last} AS __seq) FROM (${sql})`;
    const count = (): Promise<Added> => bounded(() => readCounts(connection, addedSql(own, last), NO_ADDED));
    const read = async (): Promise<Added> => {
      if (lines) await addLines(numbered(lines.sql), lines.suspicions);
      else await addEvents(fileEventsSql(numbered(rowsSql), shape, source.fields));
      const added = await count();
      if (added.others === 0) return added;
      await readOthers();
      return count();
    };
    const added = await read().catch((error: unknown) => {
      throw raisedInQuery(raisedInFile(error, file), source.at);
    });
    if (added.events > 0 && added.malformed === added.events)
      throw noObjects(file, found, source.fields.declared.size > 0);
    last = added.last;
  }
  const events = ofStoredSql(own, nowUs);
  const known = await bounded(() => readCounts(connection, arrivalsSql(policy, events), NO_ARRIVALS));
  const unchanged = known.timed === 0 || (known.disordered === 0 && known.unpunctual === 0);
  const batch = `all_${source.table}`;
  const { malformed, untimed } = known;
  const counts: Counts = { events: known.events, malformed, untimed, early: 0, late: 0, lateDropped: 0 };
  const inOrder = unchanged && known.disordered === 0;
  if (inOrder || (unchanged && !sorted)) {
    const loaded = { source, stored: own, time: 'own_time', sql: unchangedSql(source, events) };
    return { counts, inOrder, loaded };
  }
  const order = sorted ? ' ORDER BY __ts, __seq' : '';
  if (unchanged)
    await bounded(() =>
      connection.run(`CREATE TEMP TABLE ${batch} AS ${unchangedSql(source, events)}${order}`),
    );
  else {
    await connection.run(progressTableSql(source));
    const sql = `CREATE TEMP TABLE ${batch} AS ${timedSql(source, policy, events)}${order}`;
    await bounded(() => connection.run(sql, { watermark: timestamp(MIN_US) }));
    const row = (await connection.runAndReadAll(countSql(batch))).getRows()[0] ?? [];
    [counts.untimed = 0, counts.early = 0, counts.late = 0, counts.lateDropped = 0] = row.map(Number);
  }
  await connection.run(`DROP TABLE ${own}`);
  const loaded = { source, stored: batch, time: '__ts', sql: `SELECT * FROM ${batch}` };
  return { counts, inOrder: sorted, loaded };
}

/** What {@link arrivalsSql} counts. */
const NO_ARRIVALS = { events: 0, malformed: 0, timed: 0, untimed: 0, disordered: 0, unpunctual: 0 };

/** What {@link addedSql} counts. */
const NO_ADDED = { events: 0, malformed: 0, others: 0, last: 0 };
type Added = typeof NO_ADDED;

/** Reads one row of numbers. @param none has their names */
async function readCounts<T extends Record<string, number>>(
  connection: DuckDBConnection,
  sql: string,
  none: T,
): Promise<T> {
  const [row = {}] = (await connection.runAndReadAll(sql)).getRowObjects();
  return Object.fromEntries(Object.keys(none).map((key) => [key, Number(row[key])])) as T;
}
