/** Divides the loaded events of a run on files into slices of time, so that memory does not grow with their number. */

import type { Statements } from './keptRows';
import type { Kept, Plan, PlanNode, StreamSource } from './query';

/** The loaded events of a source. */
export interface LoadedSource {
  source: StreamSource;
  /** table of its events, in the order of time if the plan needs slices */
  stored: string;
  /** column of their times; NULL: the event has no time */
  time: string;
  /** SQL of the events as the nodes read them, over that table */
  sql: string;
}

/** A slice is as large as DuckDB can hold several times. A smaller one costs more than it saves: each has its statements planned. */
const SLICE_BYTES = 128 * 1_048_576;
const MAX_SLICE_ROWS = 500_000;
const MIN_SLICE_ROWS = 10_000;
/** How many times per slice are read in each source, for each source: the more, the fuller are the slices. */
const TIMES_PER_SLICE = 8;
/** Number of rows from which the size of a row is estimated. */
const SAMPLED_ROWS = 1_000;

/** Whether rows of a plan depend on earlier rows. Otherwise, DuckDB computes and writes row by row. */
export const needsSlices = ({ nodes }: Plan): boolean => nodes.some(({ kind }) => kind === 'temporal');

/**
 * Divides the events of all sources by the same times.
 *
 * @param maxRows maximum number of rows in a slice, except those of the same time
 * @returns `ends` of all slices but the last, µs since 1970, ascending; an event at an end is in the next slice. `rows` is
 *   the mean number of rows in a slice.
 */
export async function sliceEnds(
  connection: Statements,
  loaded: readonly LoadedSource[],
  maxRows = MAX_SLICE_ROWS,
): Promise<{ ends: number[]; rows: number }> {
  let all = 0;
  /** times in the sources, each with the share of a slice that the rows of its source since the time before it fill */
  const times: { us: number; share: number }[] = [];
  const perSource = loaded.length === 1 ? 1 : TIMES_PER_SLICE * loaded.length;
  for (const { stored, time } of loaded) {
    const rows = Math.max(1, Math.min(maxRows, await fittingRows(connection, stored)));
    const counted = await connection.runAndReadAll(`SELECT count(*) FROM ${stored}`);
    all += Number(counted.getRows()[0]?.[0]);
    const step = Math.max(1, Math.floor(rows / perSource));
    const found = await connection.runAndReadAll(
      `SELECT epoch_us(${time}) FROM ${stored} WHERE rowid > 0 AND rowid % ${step} = 0 AND ${time} IS NOT NULL`,
    );
    for (const [us] of found.getRows()) times.push({ us: Number(us), share: step / rows });
  }
  times.sort((one, other) => one.us - other.us);
  // The rows of the other sources since their last times are not counted yet.
  const limit = 1 - (loaded.length - 1) / perSource;
  const ends: number[] = [];
  let filled = 0;
  times.forEach(({ us, share }, i) => {
    filled += share;
    // Times that are no exact numbers, before 1684 or after 2255, are no ends.
    if (!Number.isSafeInteger(us) || us === ends.at(-1)) return;
    if (filled + (times[i + 1]?.share ?? share) <= limit) return;
    ends.push(us);
    filled = 0;
  });
  return { ends, rows: Math.max(1, all / (ends.length + 1)) };
}

/** How many rows of a table take up the bytes of a slice. */
async function fittingRows(connection: Statements, table: string): Promise<number> {
  const read = await connection.runAndReadAll(
    `SELECT avg(strlen(CAST(sampled AS VARCHAR))) FROM (SELECT * FROM ${table} LIMIT ${SAMPLED_ROWS}) AS sampled`,
  );
  const bytes = Number(read.getRows()[0]?.[0] ?? 0);
  return Math.max(MIN_SLICE_ROWS, SLICE_BYTES / Math.max(1, bytes));
}

/** SQL of the events of a slice. @param toUs Infinity for the last slice */
export function sliceSql({ sql }: LoadedSource, fromUs: number, toUs: number): string {
  const bounds = [
    ...(fromUs === -Infinity ? [] : [`__ts >= make_timestamp(${fromUs})`]),
    ...(toUs === Infinity ? ['__ts IS NOT NULL'] : [`__ts < make_timestamp(${toUs})`]),
  ];
  return `SELECT * FROM (${sql}) WHERE ${bounds.join(' AND ')}`;
}

/**
 * DuckDB binds and optimizes a view again for each view above it, and the time to optimize windows in windows grows
 * exponentially. So a chain of views is interrupted by a table.
 */
const MAX_VIEWS_IN_CHAIN = 6;

/**
 * The tables of a plan that are views, because at most one statement reads them. Kept rows are read once more after
 * their slice, so theirs must be rows of plain nodes: those can be read from their time on. DuckDB computes only the
 * columns and rows of a view that its reader uses, and that second statement uses others than the first. So a node whose
 * rows are kept is a table: otherwise, it would depend on the slices whether a value stops the job.
 */
export function viewsOf({ nodes, outputs }: Plan): Set<string> {
  const keptOf = (node: PlanNode): readonly Kept[] => (node.kind === 'temporal' ? node.kept : []);
  const uses = new Map<string, number>();
  for (const sql of [
    ...nodes.flatMap((node) => [node.sql, ...keptOf(node).map((kept) => kept.sql)]),
    ...outputs.map(({ rowsSql }) => rowsSql),
  ])
    for (const word of wordsOf(sql)) uses.set(word, (uses.get(word) ?? 0) + 1);
  const views = new Set<string>();
  /** by table: the number of views in the longest chain that ends there */
  const chains = new Map<string, number>();
  const decide = (table: string, sql: string, mayBeView = true): void => {
    const chain = 1 + Math.max(0, ...wordsOf(sql).map((word) => chains.get(word) ?? 0));
    const isView = mayBeView && (uses.get(table) ?? 0) <= 1 && chain <= MAX_VIEWS_IN_CHAIN;
    chains.set(table, isView ? chain : 0);
    if (isView) views.add(table);
  };
  const temporal = new Set<string>();
  const keptNodes = new Set(
    nodes.flatMap((node) => keptOf(node).flatMap((kept) => (mayKeepInView(kept) ? wordsOf(kept.sql) : []))),
  );
  for (const node of nodes) {
    for (const kept of keptOf(node)) {
      const isPlain = !wordsOf(kept.sql).some((word) => temporal.has(word));
      decide(kept.table, kept.sql, isPlain && mayKeepInView(kept));
    }
    decide(node.table, node.sql, !keptNodes.has(node.table));
    const readsTemporal = wordsOf(node.sql).some((word) => temporal.has(word));
    if (node.kind === 'temporal' || readsTemporal) temporal.add(node.table);
  }
  return views;
}

const mayKeepInView = ({ collapseSql, retainSql }: Kept): boolean =>
  collapseSql === undefined && retainSql === undefined;

/** The words of SQL that may be names of a node's tables. */
const wordsOf = (sql: string): string[] => sql.match(/\b\w*step_\d+\w*\b/g) ?? [];
