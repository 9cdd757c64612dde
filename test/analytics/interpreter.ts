/** A slow, simple interpreter of windows, LAG and joins, written from the documentation. */

import * as fc from 'fast-check';
import type { TimePolicy } from '../../analytics/timePolicy';

export interface Row {
  /** seconds after midnight */
  s: number;
  k: string;
  v: number;
}

/** Rows as texts, in the order of time. */
export type Interpreter = (rows: readonly Row[]) => string[];

export const MIDNIGHT = Date.UTC(2026, 0, 1);
const END = "DATEDIFF(second, '2026-01-01', System.Timestamp())";
export const KEYS = ['a', 'b'];
const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

/** A window of a size at each end, in seconds: (end - size, end]. */
function windows(rows: readonly Row[], ends: (rows: readonly Row[]) => number[], size: number): string[] {
  return KEYS.flatMap((k) => {
    const own = rows.filter((row) => row.k === k);
    return [...new Set(ends(own))].flatMap((end) => {
      const inside = own.filter(({ s }) => s > end - size && s <= end);
      return inside.length > 0
        ? [`${end} ${k} ${inside.length} ${Math.max(...inside.map(({ v }) => v))}`]
        : [];
    });
  });
}

/** Events no more than 2 s apart, closed at the multiples of 5 s that the page of the session window describes. */
const sessions: Interpreter = (rows) =>
  KEYS.flatMap((k) => {
    const found: { times: number[]; values: number[]; limit: number }[] = [];
    for (const { s, v } of rows.filter((row) => row.k === k)) {
      const last = found.at(-1);
      const near = last !== undefined && s <= (last.times.at(-1) ?? 0) + 2;
      if (near && s <= last.limit) {
        last.times.push(s);
        last.values.push(v);
        continue;
      }
      let limit = near ? last.limit + 5 : s - (s % 5) + (s % 5 === 0 ? 5 : 10);
      while (s > limit) limit += 5;
      found.push({ times: [s], values: [v], limit });
    }
    return found.map(({ times, values, limit }) => {
      const end = Math.min((times.at(-1) ?? 0) + 2, limit);
      return `${end} ${k} ${times.length} ${Math.max(...values)}`;
    });
  });

const grouped = (window: string): string =>
  `SELECT ${END} AS e, k, COUNT(*) AS n, MAX(TRY_CAST(v AS bigint)) AS m FROM [i] TIMESTAMP BY t GROUP BY k, ${window}`;

export const CASES: Record<string, [query: string, interpret: Interpreter]> = {
  tumbling: [
    grouped('TumblingWindow(second, 5)'),
    (rows) => windows(rows, () => range(0, 12).map((n) => 5 * n), 5),
  ],
  hopping: [
    grouped('HoppingWindow(second, 5, 2)'),
    (rows) => windows(rows, () => range(0, 30).map((n) => 2 * n), 5),
  ],
  sliding: [
    grouped('SlidingWindow(second, 4)'),
    (rows) => windows(rows, (own) => own.flatMap(({ s }) => [s, s + 4]), 4),
  ],
  session: [grouped('SessionWindow(second, 2, 5) OVER (PARTITION BY k)'), sessions],
  lag: [
    `SELECT ${END} AS e, k, LAG(v, 2) OVER (PARTITION BY k LIMIT DURATION(second, 6) WHEN v > 2) AS n, v FROM [i] TIMESTAMP BY t`,
    (rows) =>
      rows.map(({ s, k, v }, i) => {
        const found = rows
          .slice(0, i)
          .filter((row) => row.k === k && row.v > 2)
          .at(-2);
        return `${s} ${k} ${found && found.s > s - 6 ? found.v : 'null'} ${v}`;
      }),
  ],
  join: [
    `SELECT ${END} AS e, l.k, l.v AS lv, r.v AS rv FROM [i] l TIMESTAMP BY t LEFT JOIN [i] r TIMESTAMP BY t
     ON l.k = r.k AND r.v > 5 AND DATEDIFF(second, l, r) BETWEEN 1 AND 3`,
    (rows) =>
      rows.flatMap(({ s, k, v }) => {
        const found = rows.filter((row) => row.k === k && row.v > 5 && row.s - s >= 1 && row.s - s <= 3);
        return found.length > 0
          ? found.map((row) => `${row.s} ${k} ${v} ${row.v}`)
          : [`${s + 3} ${k} ${v} null`];
      }),
  ],
};

/** A row, and when the hub enqueued it: rows come in the order of their arrival. */
export interface Arrival extends Row {
  arrived: number;
}

export const policies = fc.record({
  eventsLateArrivalMaxDelayInSeconds: fc.constantFrom(0, 3, 5),
  eventsOutOfOrderMaxDelayInSeconds: fc.constantFrom(0, 2, 4),
  eventsOutOfOrderPolicy: fc.constantFrom('Adjust' as const, 'Drop' as const),
});

/**
 * What the time policies leave of a stream of one partition (time-skew-policies-azure-stream-analytics): first lateness by
 * the arrival, then disorder by the latest time so far.
 */
export function punctual<T extends { s: number; arrived: number }>(
  rows: readonly T[],
  policy: TimePolicy,
): T[] {
  const drops = policy.eventsOutOfOrderPolicy === 'Drop';
  let latest = -Infinity;
  const kept: T[] = [];
  for (const row of rows) {
    const { s, arrived } = row;
    const earliest = arrived - policy.eventsLateArrivalMaxDelayInSeconds;
    if (s < earliest && drops) continue;
    const time = Math.max(s, earliest);
    latest = Math.max(latest, time);
    const least = latest - policy.eventsOutOfOrderMaxDelayInSeconds;
    if (time < least && drops) continue;
    kept.push({ ...row, s: Math.max(time, least) });
  }
  return kept
    .map((row, i) => ({ row, i }))
    .sort((a, b) => a.row.s - b.row.s || a.i - b.i)
    .map(({ row }) => row);
}
