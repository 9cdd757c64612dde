import { expect, test } from 'vitest';
import { translate } from '../../analytics/query';
import { event, useEngines } from './engineRun';

const start = useEngines();
const MAX = '9223372036854775807';

/** Calls that an event stops, with the rest of the error. Each is tried with values of the query and of the event. */
const FAILURES: readonly (readonly [call: string, reason: string])[] = [
  ['SUBSTRING(i.s, 1, i.minus)', 'the function SUBSTRING failed: its length is below 0, so the job stops'],
  ['left(i.s, i.minus)', 'the function left failed: its length is below 0, so the job stops'],
  ['RIGHT(i.s, i.minus)', 'the function RIGHT failed: its length is below 0, so the job stops'],
  ["STUFF(i.s, 1, i.minus, 'x')", 'the function STUFF failed: its length is below 0, so the job stops'],
  [
    "TRANSLATE(i.s, 'a', i.s)",
    'the function TRANSLATE failed: characters and translations have different lengths, so the job stops',
  ],
  ['ROUND(i.big, -1)', 'the function ROUND failed: its result exceeds the range of bigint, so the job stops'],
  ['POWER(i.big, 2)', 'the function POWER failed: its result exceeds the range of bigint, so the job stops'],
  ['ABS(i.least)', 'the function ABS failed: its result exceeds the range of bigint, so the job stops'],
];
const KNOWN: Readonly<Record<string, string>> = {
  'i.s': "'abc'",
  'i.minus': '-1',
  'i.big': MAX,
  'i.least': '-9223372036854775808',
};
const BODY = `{"s":"abc","minus":-1,"big":${MAX},"least":-9223372036854775808}`;

test.each(
  FAILURES.flatMap(([call, reason]) => [
    [call, reason] as const,
    [call.replaceAll(/i\.\w+/g, (field) => KNOWN[field] ?? ''), reason] as const,
  ]),
)('%s stops the job and tells its place', async (call, message) => {
  const { process } = await start(`SELECT 1 AS one,\n  LEN(CONCAT(${call}, '')) AS x FROM i`);
  await expect(process({ ...event(1), body: BODY })).rejects.toMatchObject({
    at: { line: 2, column: 14 },
    message,
  });
});

test('a number beyond the length of any text is a length', async () => {
  const { process } = await start(
    `SELECT LEFT(s, n) AS l, RIGHT(s, n) AS r, SUBSTRING(s, n, n) AS b, STUFF(s, 1, n, 'x') AS f, CHARINDEX('b', s, n) AS c,
       REPLICATE(s, n) AS p, GetArrayElement(a, n) AS e FROM i`,
  );
  expect(await process({ ...event(1), body: `{"s":"abc","n":${MAX},"a":[1]}` })).toEqual(['abc abc  x 0  ']);
});

const LITERALS: readonly (readonly [expression: string, column: number, message: string])[] = [
  ["GetArrayElement(a, '0')", 27, 'this must be bigint, but it is of type nvarchar(max): cast it'],
  ['GetArrayElement(a, 1.5)', 27, 'this must be bigint, but it is of type float: cast it'],
  [
    "GetArrayLength('[1,2]')",
    23,
    'this must be of type array, but it is of type nvarchar(max): read the text with JSON_PARSE',
  ],
  [
    'GetArrayLength(CAST(s AS nvarchar(max)))',
    23,
    'this must be of type array, but it is of type nvarchar(max): read the text with JSON_PARSE',
  ],
  [
    `GetRecordPropertyValue('{"x":1}', 'x')`,
    31,
    'this must be of type record, but it is of type nvarchar(max): read the text with JSON_PARSE',
  ],
  ['CreateLineString(CreatePoint(1, 2), 3)', 44, 'this must be of type record, but it is of type bigint'],
];

test.each(LITERALS)('%s is refused at the argument', (expression, column, message) => {
  expect(() => translate(`SELECT ${expression} AS x FROM i`)).toThrow(
    expect.objectContaining({ at: expect.objectContaining({ line: 1, column }) as object, message }) as Error,
  );
});

test('texts of events are no arrays, records or indexes', async () => {
  const { process } = await start(
    `SELECT GetArrayElement(a, z) AS u, GetArrayElement(a, n) AS v, GetArrayLength(s) AS w, GetRecordPropertyValue(r, 'x') AS x,
       GetArrayLength(JSON_PARSE(s)) AS y, GetArrayElement(a, h) AS q FROM i`,
  );
  const body = JSON.stringify({ a: [7, 8], z: '0', n: 1, s: '[1,2]', r: '{"x":1}', h: 0.5 });
  expect(await process({ ...event(1), body })).toEqual([' 8   2 ']);
});

test('NCHAR gives the characters from 0 through 1114111, but no half of a surrogate pair', async () => {
  const { process } = await start(
    'SELECT UNICODE(NCHAR(0)) AS a, NCHAR(0) AS b, NCHAR(c) AS c, LEN(NCHAR(1114111)) AS d, NCHAR(1114112) AS e, NCHAR(55296) AS f FROM i',
  );
  expect(await process(event(1, 1, { c: 0 }))).toEqual(['0 \u0000 \u0000 1  ']);
});

test('a polygon that is not closed is no geography', async () => {
  const closed = [
    [0, 0],
    [10, 0],
    [10, 10],
    [0, 0],
  ];
  const point = '{"type":"Point","coordinates":[5,1]}';
  const { process } = await start(
    `SELECT ST_WITHIN(p, g) AS a, CASE WHEN CreatePolygon(CreatePoint(0, 0), CreatePoint(0, 9), CreatePoint(9, 9), CreatePoint(lat, 0)) IS NULL THEN 'open' ELSE 'closed' END AS b FROM i`,
  );
  const rows = await process(
    ...[
      closed,
      closed.slice(0, 3),
      [...closed.slice(0, 3), [0, 1]],
      [...closed.slice(0, 1), ...closed.slice(2)],
    ].map((ring, i) => ({
      ...event(1),
      body: `{"p":${point},"lat":${i === 0 ? '0.0' : i},"g":{"type":"Polygon","coordinates":[${JSON.stringify(ring)}]}}`,
    })),
  );
  expect(rows).toEqual(['1 closed', ' open', ' open', ' open']);
});

test('a comment without an end is named', () => {
  expect(() => translate('SELECT a /* all\nFROM i')).toThrow(
    expect.objectContaining({
      at: { line: 1, column: 10 },
      message: 'the comment that begins here has no end: write */ after it',
    }) as Error,
  );
});
