/** Events and rows as the model of the language sees them. */

import type { TimePolicy } from '../../../analytics/timePolicy';
import { MIDNIGHT, punctual } from '../interpreter';

/** An event. Those with the same number are elements of one message. */
export interface Arrived {
  input: 'i' | 'j';
  partition: number;
  /** orders messages, and is the sequence number in the partition */
  number: number;
  /** position in the message */
  element: number;
  /** s after midnight */
  arrived: number;
  /** its field `t`, s after midnight; null: no time */
  s: number | null;
  k: string | null;
  v: number | null;
}

/** A row of a step, whose columns are `k` and `v`. */
export interface Row {
  /** ms after midnight */
  t: number;
  k: string | null;
  v: number | null;
  /** its place among rows of its time; undefined: the documentation does not define it */
  at: readonly number[] | undefined;
}

/** What a query reads. */
export interface Streams {
  events: readonly Arrived[];
  policy: TimePolicy;
  /** s after midnight from which on each version of the reference data is valid, and which its rows show; the first also before */
  versions: readonly number[];
}

/** The rows depend on the order of rows of one time, which the documentation does not define. */
export class Undetermined extends Error {}

/** The field `list` of an event. */
export const listOf = (v: number | null): number[] =>
  v === null ? [] : Array.from({ length: Math.abs(v) % 3 }, (_, i) => v + i);

/** The keys of the reference data `r`; its field `f` shows the version. */
export const REFERENCE_KEYS = ['a', 'b'];

export function versionAt({ versions }: Streams, t: number): number {
  return versions.filter((from, i) => i === 0 || from * 1_000 <= t).at(-1) ?? 0;
}

export type InputTime = 'arrival' | 'own' | 'substreams';

/** "If the application time is more than five minutes ahead of the arrival time, the event is dropped" (time handling). */
const EARLY_S = 300;

/** The rows of an input, with their times by the time policies (time-skew-policies-azure-stream-analytics). */
export function inputRows(
  { events, policy }: Streams,
  input: string,
  time: InputTime,
): (Row & { event: Arrived })[] {
  const own = events.filter((one) => one.input === input);
  const rowOf = (event: Arrived, s: number): Row & { event: Arrived } => ({
    ...{ event, t: 1_000 * s, k: event.k, v: event.v },
    at: [event.number, event.partition, event.element],
  });
  if (time === 'arrival') return own.map((event) => rowOf(event, event.arrived));
  const timed = own.flatMap((event) =>
    event.s === null || event.s > event.arrived + EARLY_S
      ? []
      : { event, s: event.s, arrived: event.arrived },
  );
  const timelines = new Map<string, typeof timed>();
  for (const one of timed) {
    const name = `${one.event.partition} ${time === 'substreams' ? one.event.k : ''}`;
    timelines.set(name, [...(timelines.get(name) ?? []), one]);
  }
  return [...timelines.values()].flatMap((all) =>
    punctual(all, policy).map(({ event, s }) => rowOf(event, s)),
  );
}

/** Rows in the order of time. @throws {Undetermined} */
export function ordered(rows: readonly Row[]): Row[] {
  const sorted = [...rows].sort((a, b) => a.t - b.t || compareAt(a.at ?? [], b.at ?? []));
  sorted.forEach((row, i) => {
    const before = sorted[i - 1];
    if (before?.t !== row.t || (before.k === row.k && before.v === row.v)) return;
    if (before.at === undefined || row.at === undefined) throw new Undetermined();
  });
  return sorted;
}

function compareAt(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++)
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) - (b[i] ?? 0);
  return 0;
}

export function grouped(rows: readonly Row[], key: (row: Row) => unknown): Row[][] {
  const groups = new Map<unknown, Row[]>();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return [...groups.values()];
}

export const isoOf = (s: number): string => new Date(MIDNIGHT + 1_000 * s).toISOString();
