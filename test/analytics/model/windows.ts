/** Windows and aggregates of the model: their text, and what they mean by the documentation. */

import { MIDNIGHT } from '../interpreter';
import { type Row, ordered } from './rows';

/** From 0001-01-01 to midnight, ms. Windows are aligned to 0001-01-01. */
const ALIGNED_MS = 62_135_596_800_000 + MIDNIGHT;

export interface WindowModel {
  sql: string;
  /** the windows over rows, each with its end in ms after midnight */
  over: (rows: readonly Row[]) => { end: number; rows: Row[] }[];
}

/** The least multiple at or after a time. */
const nextMultiple = (t: number, size: number, offset = 0): number =>
  Math.ceil((t + ALIGNED_MS - offset) / size) * size - ALIGNED_MS + offset;

/** Windows (end - size, end]: "inclusive at the end, exclusive at the beginning" (windowing functions). */
const ending = (size: number, ends: (row: Row) => number[]) => (rows: readonly Row[]) =>
  [...new Set(rows.flatMap(ends))].map((end) => ({
    end,
    rows: rows.filter(({ t }) => t > end - size && t <= end),
  }));

export const tumbling = (s: number, offset = 0): WindowModel => ({
  sql:
    offset === 0
      ? `TumblingWindow(second, ${s})`
      : `TumblingWindow(Duration(second, ${s}), Offset(second, ${offset}))`,
  over: ending(1_000 * s, ({ t }) => [nextMultiple(t, 1_000 * s, 1_000 * offset)]),
});

export const hopping = (s: number, hop: number, offset = 0): WindowModel => ({
  sql:
    offset === 0
      ? `HoppingWindow(second, ${s}, ${hop})`
      : `HoppingWindow(Duration(second, ${s}), Hop(second, ${hop}), Offset(second, ${offset}))`,
  over: ending(1_000 * s, ({ t }) => {
    const ends: number[] = [];
    for (let end = nextMultiple(t, 1_000 * hop, 1_000 * offset); end < t + 1_000 * s; end += 1_000 * hop)
      ends.push(end);
    return ends;
  }),
});

/** "output events only for points in time when the content of the window actually changes" (sliding window). */
export const sliding = (s: number): WindowModel => ({
  sql: `SlidingWindow(second, ${s})`,
  over: (rows) => ending(1_000 * s, ({ t }) => [t, t + 1_000 * s])(rows).filter((one) => one.rows.length > 0),
});

export const snapshot: WindowModel = {
  sql: 'System.Timestamp()',
  over: (rows) =>
    [...new Set(rows.map(({ t }) => t))].map((end) => ({ end, rows: rows.filter(({ t }) => t === end) })),
};

/**
 * The page of the session window: a session ends when no event comes within the timeout. Its length is checked at the
 * multiples of the maximum duration, and it ends at the second one after its start, or at the first one if it starts at one.
 */
export const session = (timeout: number, max: number): WindowModel => ({
  sql: `SessionWindow(second, ${timeout}, ${max})`,
  over: (rows) => {
    const found: { rows: Row[]; last: number; limit: number }[] = [];
    for (const row of [...rows].sort((a, b) => a.t - b.t)) {
      const open = found.at(-1);
      const near = open !== undefined && row.t <= open.last + 1_000 * timeout;
      if (near && row.t <= open.limit) {
        open.rows.push(row);
        open.last = row.t;
        continue;
      }
      const checked = nextMultiple(row.t, 1_000 * max);
      let limit = near
        ? open.limit + 1_000 * max
        : checked === row.t
          ? row.t + 1_000 * max
          : checked + 1_000 * max;
      while (row.t > limit) limit += 1_000 * max;
      found.push({ rows: [row], last: row.t, limit });
    }
    return found.map((one) => ({ end: Math.min(one.last + 1_000 * timeout, one.limit), rows: one.rows }));
  },
});

export interface AggregateModel {
  /** over SQL of `v` */
  sql: (v: string) => string;
  /** the values of a group: one, or those of an array */
  of: (rows: readonly Row[]) => (number | null)[];
  /** SQL over the result `x.v`, and the APPLY that it needs; undefined: the result is a number */
  read?: { value: string; apply: string };
  /** whether the whole row must have `k` and `v` */
  wholeRow?: boolean;
}

const ELEMENTS = ' CROSS APPLY GetArrayElements(x.v) AS e';
const numbers = (rows: readonly Row[]): number[] => rows.flatMap(({ v }) => (v === null ? [] : [v]));
const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
/** NULL is the least value. */
const ascending = (rows: readonly Row[]): (number | null)[] =>
  rows.map(({ v }) => v).sort((a, b) => (a ?? -Infinity) - (b ?? -Infinity));
const scalar = (
  sql: (v: string) => string,
  of: (values: number[], rows: readonly Row[]) => number | null,
): AggregateModel => ({ sql, of: (rows) => [of(numbers(rows), rows)] });
/** Aggregates ignore NULL, and are NULL without a value. */
const filled = (of: (values: number[]) => number) => (values: number[]) =>
  values.length > 0 ? of(values) : null;
const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0];
  return low + (high - low) * (place - Math.floor(place));
};
const variance = (values: readonly number[], less: number): number => {
  const mean = sum(values) / values.length;
  return sum(values.map((one) => (one - mean) ** 2)) / (values.length - less);
};

// The sums with odd factors are never halfway between two whole numbers.
export const AGGREGATES: readonly AggregateModel[] = [
  scalar(
    () => 'COUNT(*)',
    (_, rows) => rows.length,
  ),
  scalar(
    (v) => `COUNT(${v})`,
    (values) => values.length,
  ),
  scalar(
    (v) => `COUNT(DISTINCT ${v})`,
    (values) => new Set(values).size,
  ),
  scalar((v) => `SUM(${v})`, filled(sum)),
  scalar((v) => `SUM(TRY_CAST(${v} AS bigint))`, filled(sum)),
  scalar(
    (v) => `MIN(${v})`,
    filled((values) => Math.min(...values)),
  ),
  scalar(
    (v) => `MAX(${v})`,
    filled((values) => Math.max(...values)),
  ),
  scalar(
    (v) => `MAX(TRY_CAST(${v} AS float))`,
    filled((values) => Math.max(...values)),
  ),
  scalar(
    (v) => `TRY_CAST(AVG(${v}) AS bigint)`,
    filled((values) => Math.trunc(sum(values) / values.length)),
  ),
  scalar(
    (v) => `ROUND(97.31 * VARP(${v}) + 0.0123, 0)`,
    filled((values) => Math.round(97.31 * variance(values, 0) + 0.0123)),
  ),
  scalar(
    (v) => `ROUND(97.31 * STDEV(${v}) + 0.0123, 0)`,
    (values) => (values.length > 1 ? Math.round(97.31 * Math.sqrt(variance(values, 1)) + 0.0123) : null),
  ),
  scalar(
    (v) => `PERCENTILE_DISC(0.5) OVER (ORDER BY ${v})`,
    filled((values) => [...values].sort((a, b) => a - b)[Math.ceil(values.length / 2) - 1] ?? 0),
  ),
  scalar(
    (v) => `TRY_CAST(PERCENTILE_CONT(0.25) OVER (ORDER BY ${v}) AS bigint)`,
    filled((values) => Math.trunc(percentile(values, 0.25))),
  ),
  {
    sql: (v) => `Collect(${v})`,
    of: (rows) => rows.map(({ v }) => v),
    read: { value: 'e.ArrayValue', apply: ELEMENTS },
  },
  {
    sql: (v) => `CollectTop(2, ${v}) OVER (ORDER BY ${v} DESC)`,
    of: (rows) => ascending(rows).reverse().slice(0, 2),
    read: { value: 'e.ArrayValue.value', apply: ELEMENTS },
  },
  {
    sql: (v) => `CollectTop(3) OVER (ORDER BY ${v})`,
    of: (rows) => ascending(rows).slice(0, 3),
    read: { value: 'e.ArrayValue.value.v', apply: ELEMENTS },
    wholeRow: true,
  },
  {
    sql: (v) => `TopOne() OVER (ORDER BY ${v} DESC)`,
    of: (rows) => ascending(rows).slice(-1),
    read: { value: 'x.v.v', apply: '' },
    wholeRow: true,
  },
  {
    // Equal keys are in the order of their events.
    sql: () => 'TopOne() OVER (ORDER BY k)',
    of: (rows) => {
      const least = [...new Set(rows.map(({ k }) => k ?? ''))].sort()[0];
      return [ordered(rows).find(({ k }) => (k ?? '') === least)?.v ?? null];
    },
    read: { value: 'x.v.v', apply: '' },
    wholeRow: true,
  },
];
