/** Further queries with a slow, simple interpreter each, written from the documentation of the language. */

import type { Interpreter, Row } from './interpreter';

const END = "DATEDIFF(second, '2026-01-01', System.Timestamp())";
const FROM = 'FROM [i] TIMESTAMP BY t';

const matching = (rows: readonly Row[], { k }: Row, test: (row: Row) => boolean): Row[] =>
  rows.filter((row) => row.k === k && test(row));
const inTumbling = (rows: readonly Row[], size: number): Map<number, Row[]> => {
  const windows = new Map<number, Row[]>();
  for (const row of rows) {
    const end = Math.ceil(row.s / size) * size;
    windows.set(end, [...(windows.get(end) ?? []), row]);
  }
  return windows;
};
/** The largest values first; equal ones in the order of their events. */
const ranked = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => b.v - a.v);
/** The elements of the field `list` of a row. */
const listOf = ({ v }: Row): number[] => Array.from({ length: v % 3 }, (_, i) => v + i);

/** Versions of the reference data `r`, by the second from which on they are valid. The first is also used before. */
export const VERSIONS = [0, 25, 40];

/** By name. The first column is the time of the row. */
export const DOCUMENTED: Record<string, [query: string, interpret: Interpreter]> = {
  'LAST with WHEN': [
    `SELECT ${END} AS e, k, LAST(v, 99) OVER (PARTITION BY k LIMIT DURATION(second, 4) WHEN v > 2) AS l ${FROM}`,
    (rows) =>
      rows.map((row, i) => {
        const found = matching(rows.slice(0, i + 1), row, ({ v }) => v > 2).at(-1);
        return `${row.s} ${row.k} ${found && found.s > row.s - 4 ? found.v : 99}`;
      }),
  ],
  'ISFIRST with WHEN': [
    `SELECT ${END} AS e, k, ISFIRST(second, 5) OVER (PARTITION BY k WHEN v > 2) AS f ${FROM}`,
    (rows) =>
      rows.map((row, i) => {
        const end = Math.ceil(row.s / 5) * 5;
        const earlier = matching(rows.slice(0, i), row, ({ s, v }) => v > 2 && s > end - 5);
        return `${row.s} ${row.k} ${row.v > 2 && earlier.length === 0 ? 1 : 0}`;
      }),
  ],
  UNION: [
    `SELECT ${END} AS e, k, v ${FROM} WHERE v > 2 UNION SELECT ${END} AS e, k, v + 10 AS v ${FROM} WHERE v < 6`,
    (rows) =>
      rows.flatMap(({ s, k, v }) => [
        ...(v > 2 ? [`${s} ${k} ${v}`] : []),
        ...(v < 6 ? [`${s} ${k} ${v + 10}`] : []),
      ]),
  ],
  'OUTER APPLY': [
    `SELECT ${END} AS e, i.k, a.ArrayIndex AS n, a.ArrayValue AS v ${FROM.replace('[i]', '[i] AS i')} OUTER APPLY GetArrayElements(i.list) AS a`,
    (rows) =>
      rows.flatMap((row) => {
        const list = listOf(row);
        return list.length > 0
          ? list.map((v, n) => `${row.s} ${row.k} ${n} ${v}`)
          : [`${row.s} ${row.k} null null`];
      }),
  ],
  'CROSS APPLY in a window': [
    `SELECT ${END} AS e, Collect(a.ArrayValue) AS c ${FROM.replace('[i]', '[i] AS i')} CROSS APPLY GetArrayElements(i.list) AS a GROUP BY TumblingWindow(second, 5)`,
    (rows) =>
      [...inTumbling(rows, 5)]
        .map(([end, all]) => `${end} ${JSON.stringify(all.flatMap(listOf))}`)
        .filter((row) => !row.endsWith('[]')),
  ],
  'CollectTop and TopOne': [
    `WITH s AS (SELECT CollectTop(2, k) OVER (ORDER BY v DESC) AS top, TopOne() OVER (ORDER BY v DESC) AS best ${FROM} GROUP BY TumblingWindow(second, 5))
     SELECT ${END} AS e, GetArrayElement(top, 0).value AS first, GetArrayElement(top, 1).value AS second, best.v AS v FROM s`,
    (rows) =>
      [...inTumbling(rows, 5)].map(([end, all]) => {
        const [one, two] = ranked(all);
        return `${end} ${one?.k} ${two?.k ?? null} ${one?.v}`;
      }),
  ],
  'Windows()': [
    `SELECT ${END} AS e, System.Window().Id AS w, COUNT(*) AS n ${FROM} GROUP BY Windows(Window('a', TumblingWindow(second, 4)), Window('b', TumblingWindow(second, 6)))`,
    (rows) =>
      [['a', 4] as const, ['b', 6] as const].flatMap(([id, size]) =>
        [...inTumbling(rows, size)].map(([end, all]) => `${end} ${id} ${all.length}`),
      ),
  ],
  'PARTITION BY': [
    `SELECT ${END} AS e, COUNT(*) AS n FROM [i] TIMESTAMP BY t PARTITION BY k GROUP BY TumblingWindow(second, 5)`,
    (rows) =>
      ['a', 'b'].flatMap((k) =>
        [
          ...inTumbling(
            matching(rows, { k, s: 0, v: 0 }, () => true),
            5,
          ),
        ].map(([end, all]) => `${end} ${all.length}`),
      ),
  ],
  'a function over a window': [
    `SELECT ${END} AS e, uda.joined(v) AS j ${FROM} GROUP BY TumblingWindow(second, 5)`,
    (rows) => [...inTumbling(rows, 5)].map(([end, all]) => `${end} ${all.map(({ v }) => v).join('-')}`),
  ],
  'versions of reference data': [
    `SELECT ${END} AS e, s.k, r.f FROM [i] s TIMESTAMP BY t JOIN r ON s.k = r.k`,
    (rows) =>
      rows.map(({ s, k }) => `${s} ${k} ${VERSIONS.filter((from) => from === 0 || from <= s).at(-1)}`),
  ],
  'several outputs': [
    `WITH s AS (SELECT k, v ${FROM} WHERE v > 4)
     SELECT ${END} AS e, k, v INTO x FROM s SELECT ${END} AS e, COUNT(*) AS n INTO y FROM s GROUP BY TumblingWindow(second, 5)`,
    (rows) => {
      const kept = rows.filter(({ v }) => v > 4);
      return [
        ...kept.map(({ s, k, v }) => `${s} ${k} ${v}`),
        ...[...inTumbling(kept, 5)].map(([end, all]) => `${end} ${all.length}`),
      ];
    },
  ],
};

/** The function `uda.joined`: the values in the order in which they are given. */
export const FUNCTIONS = new Map([
  [
    'joined',
    `function main() {
      this.init = function () { this.state = []; };
      this.accumulate = function (value, timestamp) { this.state.push(value); };
      this.computeResult = function () { return this.state.join('-'); };
    }`,
  ],
]);
