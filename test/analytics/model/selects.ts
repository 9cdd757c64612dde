/** The SELECTs of the model: their text, and what they mean by the documentation. */

import {
  type InputTime,
  type Row,
  REFERENCE_KEYS,
  type Streams,
  grouped,
  inputRows,
  listOf,
  versionAt,
} from './rows';
import type { AggregateModel, WindowModel } from './windows';

/** Streams, and the rows of the steps so far. */
export interface Scope extends Streams {
  steps: readonly (readonly Row[])[];
}

export interface Model {
  sql: string;
  rows: (scope: Scope) => Row[];
}

/** What stands after FROM, and SQL of its columns. */
export interface From extends Model {
  k: string;
  v: string;
  /** whether it is one stream, without joins: it can have PARTITION BY and analytic functions */
  isPlain: boolean;
}

const PLAIN = { k: 'k', v: 'v', isPlain: true };

export const step = (i: number): From => ({
  ...PLAIN,
  sql: `s${i}`,
  rows: ({ steps }) => [...(steps[i] ?? [])],
});

const BY: Record<InputTime, string> = {
  arrival: '',
  own: ' TIMESTAMP BY t',
  substreams: ' TIMESTAMP BY t OVER k',
};

export const input = (name: string, time: InputTime): From => ({
  ...PLAIN,
  sql: `[${name}]${BY[time]}`,
  rows: (scope) => inputRows(scope, name, time),
});

export const subquery = (select: Model, alias: string): From => ({
  ...PLAIN,
  sql: `(${select.sql}) AS ${alias}`,
  rows: select.rows,
});

/** CROSS APPLY has no row for an empty list, OUTER APPLY one with NULL. */
export const applied = (name: string, time: InputTime, kind: 'CROSS' | 'OUTER'): From => ({
  ...{ k: 'a.k', v: 'e.ArrayValue', isPlain: false },
  sql: `[${name}] AS a${BY[time]} ${kind} APPLY GetArrayElements(a.list) AS e`,
  rows: (scope) =>
    inputRows(scope, name, time).flatMap((row): Row[] => {
      const list = listOf(row.v);
      if (list.length === 0) return kind === 'OUTER' ? [{ ...row, v: null }] : [];
      return list.map((v, i) => ({ ...row, v, at: [...(row.at ?? []), i] }));
    }),
});

const aliased = ({ sql }: From, alias: string): string => {
  const [, name = '', by = ''] = /^(\[\w+\]|s\d+)(.*)$/s.exec(sql) ?? [];
  return `${name} AS ${alias}${by}`;
};

/** "reference data … that was valid at the time of the event" (reference data, temporal joins). */
export const withReference = (of: From, isLeft: boolean): From => ({
  ...{ k: 'a.k', v: 'r.f', isPlain: false },
  sql: `${aliased(of, 'a')} ${isLeft ? 'LEFT ' : ''}JOIN r ON a.k = r.k`,
  rows: (scope) =>
    of.rows(scope).flatMap((row): Row[] => {
      const isFound = row.k !== null && REFERENCE_KEYS.includes(row.k);
      if (!isFound) return isLeft ? [{ ...row, v: null }] : [];
      return [{ ...row, v: versionAt(scope, row.t) }];
    }),
});

export interface JoinBound {
  low: number;
  high: number;
  unit: 'second' | 'millisecond';
  /** as it is written */
  form: 'between' | 'mirrored' | 'compared';
}

const MS = { second: 1_000, millisecond: 1 };

function boundSql({ low, high, unit, form }: JoinBound, from: string, to: string): string {
  const factor = 1_000 / MS[unit];
  const [least, most] = [low * factor, high * factor];
  if (form === 'between') return `DATEDIFF(${unit}, ${from}, ${to}) BETWEEN ${least} AND ${most}`;
  if (form === 'mirrored') return `DATEDIFF(${unit}, ${to}, ${from}) BETWEEN ${-most} AND ${-least}`;
  return `DATEDIFF(${unit}, ${from}, ${to}) >= ${least} AND ${most + 1} > DATEDIFF(${unit}, ${from}, ${to})`;
}

/** DATEDIFF counts the boundaries of a unit between two times. */
function isWithin({ low, high, unit }: JoinBound, from: Row, to: Row): boolean {
  const count = (t: number): number => Math.floor(t / MS[unit]);
  const found = (count(to.t) - count(from.t)) * MS[unit];
  return found >= low * 1_000 && found <= high * 1_000;
}

export interface JoinParts {
  bound: JoinBound;
  /** a further condition in ON: the value of the joined row is greater than this */
  above: number | undefined;
  isLeft: boolean;
  value: 'a.v' | 'b.v' | 'COALESCE(b.v, 77)' | 'a.v + b.v';
}

/** A row of two streams has the later time of both; one without a match, the latest at which there could have been one. */
export const joined = (a: From, b: From, { bound, above, isLeft, value }: JoinParts): From => ({
  ...{ k: 'a.k', v: value, isPlain: false },
  sql: `${aliased(a, 'a')} ${isLeft ? 'LEFT ' : ''}JOIN ${aliased(b, 'b')} ON a.k = b.k AND ${boundSql(bound, 'a', 'b')}${above === undefined ? '' : ` AND b.v > ${above}`}`,
  rows: (scope) => {
    const others = b.rows(scope);
    return a.rows(scope).flatMap((left) => {
      const found = others.filter(
        (right) =>
          left.k !== null &&
          left.k === right.k &&
          isWithin(bound, left, right) &&
          (above === undefined || (right.v !== null && right.v > above)),
      );
      if (found.length === 0)
        return isLeft
          ? [
              {
                ...{ k: left.k, v: valueOf(value, left.v, null), at: undefined },
                t: Math.max(left.t, left.t + 1_000 * bound.high),
              },
            ]
          : [];
      return found.map((right) => ({
        ...{ k: left.k, v: valueOf(value, left.v, right.v), at: undefined },
        t: Math.max(left.t, right.t),
      }));
    });
  },
});

function valueOf(value: JoinParts['value'], a: number | null, b: number | null): number | null {
  if (value === 'a.v') return a;
  if (value === 'b.v') return b;
  if (value === 'COALESCE(b.v, 77)') return b ?? 77;
  return a === null || b === null ? null : a + b;
}

/** Three streams, each joined with the first. */
export const joinedThree = (a: From, b: From, c: From, first: JoinBound, second: JoinBound): From => ({
  ...{ k: 'a.k', v: 'c.v', isPlain: false },
  sql: `${aliased(a, 'a')} JOIN ${aliased(b, 'b')} ON a.k = b.k AND ${boundSql(first, 'a', 'b')} JOIN ${aliased(c, 'c')} ON ${boundSql(second, 'a', 'c')} AND c.k = a.k`,
  rows: (scope) => {
    const [bs, cs] = [b.rows(scope), c.rows(scope)];
    return a.rows(scope).flatMap((one) => {
      if (one.k === null) return [];
      const seconds = bs.filter((two) => two.k === one.k && isWithin(first, one, two));
      const thirds = cs.filter((three) => three.k === one.k && isWithin(second, one, three));
      return seconds.flatMap((two) =>
        thirds.map((three) => ({
          ...{ k: one.k, v: three.v, at: undefined },
          t: Math.max(one.t, two.t, three.t),
        })),
      );
    });
  },
});

/** A condition on a row; one that is NULL is not met. */
export interface Condition {
  sql: (from: { k: string; v: string }) => string;
  test: (row: Row) => boolean;
}

const whereSql = (from: From, where: Condition | undefined): string =>
  where ? ` WHERE ${where.sql(from)}` : '';
const isKept = (where: Condition | undefined) => (row: Row) => where?.test(row) ?? true;

export const plain = (from: From, where: Condition | undefined): Model => ({
  sql: `SELECT ${from.k} AS k, ${from.v} AS v FROM ${from.sql}${whereSql(from, where)}`,
  rows: (scope) => from.rows(scope).filter(isKept(where)),
});

/** UNION keeps duplicates (UNION). */
export const union = (parts: readonly Model[]): Model => ({
  sql: parts.map(({ sql }) => sql).join(' UNION '),
  rows: (scope) => parts.flatMap(({ rows }) => rows(scope).map((row) => ({ ...row, at: undefined }))),
});

export interface GroupParts {
  from: From;
  where: Condition | undefined;
  aggregate: AggregateModel;
  /** several: Windows() */
  windows: readonly WindowModel[];
  /** `partition`: PARTITION BY after FROM; `session`: GROUP BY and OVER (PARTITION BY …) of the window */
  keyed: 'key' | 'partition' | 'session' | 'none';
  /** whether System.Timestamp() is a key beside the window */
  timeIsKey: boolean;
  having: { sql: (v: string) => string; test: (rows: readonly Row[]) => boolean } | undefined;
  /** whether the result is its window's id instead of its key */
  showsId: boolean;
}

const ID = (i: number): string => `w${i}`;
const least = (rows: readonly Row[]): string | null => rows.flatMap(({ k }) => k ?? []).sort()[0] ?? null;

export function grouping(parts: GroupParts): Model {
  const { from, where, aggregate, windows, keyed, timeIsKey, having } = parts;
  const showsId = parts.showsId && windows.length > 1;
  const over = keyed === 'session' ? ` OVER (PARTITION BY ${from.k})` : '';
  const called = windows.map(({ sql }) => (sql.startsWith('Session') ? sql + over : sql));
  const [only = ''] = called;
  const keys = [
    ...(keyed === 'key' || keyed === 'session' ? [from.k] : []),
    ...(timeIsKey ? ['System.Timestamp()'] : []),
    called.length > 1 ? `Windows(${called.map((one, i) => `Window('${ID(i)}', ${one})`).join(', ')})` : only,
  ];
  const key = showsId
    ? 'System.Window().Id'
    : keyed === 'key' || keyed === 'session'
      ? from.k
      : `MIN(${from.k})`;
  const inner = `SELECT ${key} AS k, ${aggregate.sql(from.v)} AS v FROM ${from.sql}${keyed === 'partition' ? ' PARTITION BY k' : ''}${whereSql(from, where)} GROUP BY ${keys.join(', ')}${having ? ` HAVING ${having.sql(from.v)}` : ''}`;
  const { read } = aggregate;
  return {
    sql: read ? `SELECT x.k AS k, ${read.value} AS v FROM (${inner}) AS x${read.apply}` : inner,
    rows: (scope) => {
      const rows = from.rows(scope).filter(isKept(where));
      return windows.flatMap((window, i) => {
        // A session spans the keys that its PARTITION BY does not name. A sliding window changes with its group.
        const isSession = window.sql.startsWith('Session');
        const isShared = keyed === 'none' || (keyed === 'key' && isSession);
        const key = (row: Row): string => `${keyed === 'none' ? '' : row.k} ${timeIsKey ? row.t : ''}`;
        const own = isSession ? grouped(rows, ({ k }) => (isShared ? '' : k)) : grouped(rows, key);
        return own
          .flatMap((one) => window.over(one))
          .flatMap(({ end, rows: all }) => grouped(all, key).map((one) => ({ end, rows: one })))
          .filter((one) => having?.test(one.rows) ?? true)
          .flatMap((one) =>
            aggregate.of(one.rows).map((v) => ({
              ...{ t: one.end, v, at: undefined },
              k: showsId ? ID(i) : least(one.rows),
            })),
          );
      });
    },
  };
}
