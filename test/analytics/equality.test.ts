import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { IS_FULL, runs } from '../testSize';
import { event, iso, useEngines } from './engineRun';

const start = useEngines();

/** JSON of values, among them numbers that are equal or that only a float considers equal. */
const values = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...['1', '1.0', '1e0', '10e-1', 'true', '0', '-0', '-0.0', '0e3', 'false', '0.5', '5e-1', 'null'],
      ...['9007199254740992', '9007199254740993', '9007199254740992.0', '9.007199254740992e15'],
      ...['9210000000000000000', '9.21e18', '9223372036854775807', '9.223372036854775807e18', '1e300'],
      ...['-9223372036854775808', '-9.223372036854775808e18', '9.3e18', '93e17'],
      ...['"1"', '"1.0"', '"true"', '"a"', '"A"', '"\\u0061"', '"a "', '""', '"null"', '"n1"'],
    ),
  },
  // An event with an integer outside bigint is dropped.
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map(String)
    .filter((json) => !/^-?\d{19,}$/.test(json)),
  fc.integer().map(String),
);

/** A text that is equal for values that are equal by Stream Analytics' types: a bit is 0 or 1, and numbers are exact. */
function keyOf(json: string): string {
  const value: unknown = JSON.parse(json);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value !== 'number') return 'null';
  if (/^-?\d+$/.test(json)) return String(BigInt(json));
  return exactText(value);
}

/** `String` rounds the digits of large integers. */
const exactText = (value: number): string =>
  Number.isInteger(value) ? String(BigInt(value)) : String(value);

const PAIRS = fc.array(fc.tuple(values, values), { minLength: 100, maxLength: 100 });

/** JSON of a number or bit after TRY_CAST. */
const casts = {
  float: (json: string) => exactText(Number(keyOf(json))),
  bit: (json: string) => String(Number(keyOf(json)) !== 0),
  bigint: (json: string) => {
    const whole = /^-?\d+$/.test(keyOf(json)) ? BigInt(keyOf(json)) : BigInt(Math.trunc(Number(keyOf(json))));
    return BigInt.asIntN(64, whole) === whole ? String(whole) : 'null';
  },
};
type Cast = keyof typeof casts;
const CASTS = Object.keys(casts) as Cast[];
const SIDES = [undefined, ...CASTS].flatMap((left) => CASTS.map((right) => [left, right] as const));
const isNumber = (json: string): boolean => !/^["n]/.test(json);

/** The pairs for which each of the queries gives a row. The queries run as one, with an output each. */
async function matching(
  queries: readonly string[],
  pairs: readonly (readonly [string, string])[],
): Promise<number[][]> {
  const numbered = queries.map((query, n) =>
    query.replace(/SELECT (\S+) FROM/, `SELECT ${n} AS q, $1 INTO o${n} FROM`),
  );
  const { engine, process, advance } = await start(numbered.join('\n'));
  const rows = await process(
    ...pairs.flatMap(([a, b], p) =>
      [a, b].map((v, side) => ({
        ...event(1 + 2 * p + side),
        body: `{"p":${p},"a":${a},"b":${b},"v":${v},"side":${side},"t":"${iso(1 + 2 * p - side)}"}`,
      })),
    ),
  );
  const all = [...rows, ...(await advance(10_000))];
  engine.close();
  const found = queries.map(() => new Set<number>());
  for (const [query = 0, pair = 0] of all.map((row) => row.split(' ').map(Number))) found[query]?.add(pair);
  return found.map((one) => [...one].sort((a, b) => a - b));
}

const EQUALITIES = [
  'SELECT p FROM i WHERE a = b',
  'SELECT p FROM i WHERE NOT a <> b',
  'SELECT p FROM i WHERE a IN (b)',
  'SELECT p FROM i WHERE CASE a WHEN b THEN 1 ELSE 0 END = 1',
  'SELECT x.p FROM i x JOIN i y ON x.a = y.b AND x.p = y.p AND DATEDIFF(second, x, y) BETWEEN -1 AND 1',
];
/** In these, null equals null. */
const GROUPS = [
  'SELECT p FROM i GROUP BY p, v, TumblingWindow(hour, 1) HAVING COUNT(*) = 2',
  'SELECT p FROM i GROUP BY p, v, TumblingWindow(hour, 1) HAVING AVG(side) = 0.5',
  'SELECT p FROM i GROUP BY p, v, SlidingWindow(second, 2) HAVING COUNT(*) = 2',
  'SELECT p FROM i GROUP BY p, SessionWindow(second, 5, 10) OVER (PARTITION BY p, v) HAVING COUNT(*) = 2',
  'SELECT p FROM i PARTITION BY v GROUP BY p, TumblingWindow(hour, 1) HAVING COUNT(*) = 2',
  'SELECT p FROM i WHERE LAG(side) OVER (PARTITION BY p, v LIMIT DURATION(hour, 1)) = 0',
  'SELECT p FROM i WHERE ISFIRST(hour, 1) OVER (PARTITION BY p, v) = 0',
];
/** The second event is earlier, so its time is adjusted if it belongs to the substream of the first one. */
const SUBSTREAMS =
  'SELECT p FROM i TIMESTAMP BY t OVER p, v WHERE DATEDIFF(second, t, System.Timestamp()) = 1';
const DISTINCT = 'SELECT p FROM i GROUP BY p, TumblingWindow(hour, 1) HAVING COUNT(DISTINCT v) = 1';

test('equality is the same in conditions, joins, groups and partitions', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(PAIRS, async (pairs) => {
      const equal = pairs.flatMap(([a, b], p) => (keyOf(a) === keyOf(b) ? [p] : []));
      const notNull = equal.filter((p) => pairs[p]?.[0] !== 'null');
      const single = pairs.flatMap(([a, b], p) =>
        (a === 'null') !== (b === 'null') || (keyOf(a) === keyOf(b) && a !== 'null') ? [p] : [],
      );
      const rows = await matching([...GROUPS, ...EQUALITIES, DISTINCT], pairs);
      expect(rows).toEqual([...GROUPS.map(() => equal), ...EQUALITIES.map(() => notNull), single]);
      expect(await matching([SUBSTREAMS], pairs)).toEqual([equal]);
      const numbers = pairs.flatMap(([a, b], p) => (isNumber(a) && isNumber(b) ? [p] : []));
      const casted = SIDES.map(
        ([left, right]) =>
          `SELECT p FROM i WHERE ${left ? `TRY_CAST(a AS ${left})` : 'a'} = TRY_CAST(b AS ${right})`,
      );
      const castedRows = await matching(casted, pairs);
      for (const [n, [left, right]] of SIDES.entries()) {
        const found = numbers.filter((p) => {
          const [a, b] = pairs[p] ?? ['null', 'null'];
          const [x, y] = [left ? casts[left](a) : a, casts[right](b)];
          return x !== 'null' && keyOf(x) === keyOf(y);
        });
        const ofNumbers = castedRows[n]?.filter((p) => numbers.includes(p));
        expect([casted[n], ofNumbers]).toEqual([casted[n], found]);
      }
    }),
    { numRuns: runs(1, 3), endOnFailure: true, ...(IS_FULL ? {} : { seed: 1 }) },
  );
});

/** A record in several forms, and others that differ from it in a value, a name or an order of elements. */
const RECORDS = {
  equal: [
    '{"a":1,"b":[true,{"x":"e","y":null}]}',
    ' { "b" : [ 1.0 , { "y" : null , "x" : "\\u0065" } ] , "\\u0061" : 1e0 } ',
    '{"a":1.0,"b":[1,{"x":"e","y":null}],"a":2,"\\u0061":3}',
  ],
  others: [
    '{"a":2,"b":[true,{"x":"e","y":null}]}',
    '{"A":1,"b":[true,{"x":"e","y":null}]}',
    '{"a":1,"b":[{"x":"e","y":null},true]}',
    '{"a":1,"b":[true,{"x":"e"}]}',
    '{"a":"1","b":[true,{"x":"e","y":null}]}',
    '{"a":1,"b":[true,{"x":"e","y":"null"}]}',
  ],
};

test('records are equal if their fields are, in any order and form, in all places', async () => {
  const [first = '', ...same] = RECORDS.equal;
  const wrapped = (json: string): string => `[{"r":${json}},[]]`;
  const pairs = [...RECORDS.equal, ...RECORDS.others].flatMap((other) => [
    [first, other] as const,
    [wrapped(first), wrapped(other)] as const,
  ]);
  const equal = [...Array(2 * (1 + same.length)).keys()];
  const queries = [...GROUPS, ...EQUALITIES, DISTINCT];
  const known = 'SELECT p FROM i WHERE TRY_CAST(a AS record) = TRY_CAST(b AS record)';
  expect(await matching([...queries, known], pairs)).toEqual([
    ...queries.map(() => equal),
    equal.filter((p) => p % 2 === 0),
  ]);
  expect(await matching([SUBSTREAMS], pairs)).toEqual([equal]);
});

test.each([
  ['SELECT COUNT(DISTINCT r) AS n FROM i GROUP BY TumblingWindow(minute, 1)', ['2']],
  ['SELECT COUNT(DISTINCT i) AS n FROM i GROUP BY TumblingWindow(minute, 1)', ['2']],
  [
    'SELECT DISTINCT r FROM i GROUP BY r, g, TumblingWindow(minute, 1)',
    ['[object Object]', '[object Object]'],
  ],
])('%s finds the distinct records', async (query, rows) => {
  const { process, advance } = await start(query.replace('FROM i', 'FROM i TIMESTAMP BY t'));
  const body = (r: string): string => `{"t":"${iso(1)}","r":${r},"g":1}`;
  const events = ['{"a":1,"b":2}', '{"b":2.0,"a":1}', '{"a":1,"b":3}'].map(body);
  events.push(`{"g":1.0,"r":{"b":2,"a":1},"t":"${iso(1)}"}`);
  await process(...events.map((one) => ({ ...event(1), body: one })));
  expect(await advance(120)).toEqual(rows);
});
