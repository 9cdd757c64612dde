/** LAG, LAST, ISFIRST and aggregates with OVER in the model. */

import { type Condition, type From, type Model } from './selects';
import { type Row, grouped, ordered } from './rows';

export interface AnalyticCall {
  /** of the call with its OVER */
  sql: (over: { partition: string; when: string }) => string;
  /**
   * @param own the row's whole history with it, in the order of time
   * @param all rows of its partition
   */
  value: (row: Row, own: readonly Row[], all: readonly Row[], when: (row: Row) => boolean) => number | null;
}

/** OVER with a history of the rows that are younger than a duration. */
const limited = (call: string, s: number): AnalyticCall['sql'] => {
  return ({ partition, when }) => `${call} OVER (${partition}LIMIT DURATION(second, ${s})${when})`;
};
const isYoung = (found: Row, row: Row, s: number): boolean => found.t > row.t - 1_000 * s;

/** "LAG … an event that is `offset` events before"; its third argument is the default. */
export const lag = (offset: number, s: number, missing: number | null): AnalyticCall => ({
  sql: limited(
    missing !== null ? `LAG(v, ${offset}, ${missing})` : offset === 1 ? 'LAG(v)' : `LAG(v, ${offset})`,
    s,
  ),
  value: (row, own, _, when) => {
    const found = own.slice(0, -1).filter(when).at(-offset);
    return found && isYoung(found, row, s) ? found.v : missing;
  },
});

export const last = (s: number): AnalyticCall => ({
  sql: limited('LAST(v)', s),
  value: (row, own, _, when) => {
    const found = own.filter(when).at(-1);
    return found && isYoung(found, row, s) ? found.v : null;
  },
});

const ALIGNED_S = 62_135_596_800;
/** "ISFIRST … the first event within a given fixed interval"; the intervals are those of a tumbling window. */
export const isFirst = (s: number, midnight: number): AnalyticCall => ({
  sql: ({ partition, when }) => {
    const over = `${partition}${when.trimStart()}`.trimEnd();
    return `ISFIRST(second, ${s})${over === '' ? '' : ` OVER (${over})`}`;
  },
  value: (row, own, _, when) => {
    const shift = ALIGNED_S * 1_000 + midnight;
    const interval = ({ t }: Row): number => Math.ceil((t + shift) / (1_000 * s));
    const earlier = own.slice(0, -1).some((one) => when(one) && interval(one) === interval(row));
    return when(row) && !earlier ? 1 : 0;
  },
});

/** An aggregate includes all rows of the row's own time. */
export const rolling = (
  call: string,
  s: number,
  of: (values: readonly (number | null)[]) => number | null,
): AnalyticCall => ({
  sql: limited(call, s),
  value: (row, _, all, when) =>
    of(all.filter((one) => one.t <= row.t && isYoung(one, row, s) && when(one)).map(({ v }) => v)),
});

export interface AnalyticParts {
  from: From;
  call: AnalyticCall;
  when: Condition | undefined;
  keyed: 'key' | 'partition' | 'none';
  /** WHERE is applied after the call: "evaluated before those clauses" (LAG) */
  where: Condition | undefined;
  /** whether the call stands in WHERE, and rows whose value is greater than 0 are kept as they are */
  isFilter: boolean;
}

export function analytic({ from, call, when, keyed, where, isFilter }: AnalyticParts): Model {
  const called = call.sql({
    partition: keyed === 'key' ? 'PARTITION BY k ' : '',
    when: when ? ` WHEN ${when.sql(from)}` : '',
  });
  const conditions = [...(isFilter ? [`${called} > 0`] : []), ...(where ? [where.sql(from)] : [])];
  return {
    sql: `SELECT k, ${isFilter ? 'v' : called} AS v FROM ${from.sql}${keyed === 'partition' ? ' PARTITION BY k' : ''}${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''}`,
    rows: (scope) =>
      grouped(from.rows(scope), ({ k }) => (keyed === 'none' ? '' : k)).flatMap((group) => {
        const all = ordered(group);
        return all.flatMap((row, i) => {
          if (where && !where.test(row)) return [];
          const value = call.value(row, all.slice(0, i + 1), all, (one) => when?.test(one) ?? true);
          if (!isFilter) return [{ ...row, v: value }];
          return value !== null && value > 0 ? [row] : [];
        });
      }),
  };
}
