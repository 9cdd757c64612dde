import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { QueryError, translate } from '../../analytics/query';
import { fullAfter, runs } from '../testSize';

/** ANALYTICS_FUZZ_RUNS: how many queries are tried. */
const RUNS = Number(process.env.ANALYTICS_FUZZ_RUNS ?? runs(5, 20));

const VALUES = fc.constantFrom(
  ...['a', 'b', 'c.d', '1', '-2', '2.5', "'x'", "''", 'NULL', 'System.Timestamp()', 'TRY_CAST(a AS bigint)'],
  ...[
    'TRY_CAST(b AS nvarchar(max))',
    'TRY_CAST(a AS float)',
    'TRY_CAST(t AS datetime)',
    'TRY_CAST(a AS bit)',
  ],
);
const { expression } = fc.letrec<{ expression: string; condition: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    VALUES,
    fc
      .tuple(tie('expression'), fc.constantFrom('+', '-', '*', '/', '%', '&', '|', '^'), tie('expression'))
      .map((parts) => `(${parts.join(' ')})`),
    fc
      .tuple(
        fc.constantFrom(
          'ABS',
          'LEN',
          'UPPER',
          'GetType',
          'YEAR',
          'ROUND2',
          'GetArrayLength',
          'JSON_PARSE',
          'REVERSE',
        ),
        tie('expression'),
      )
      .map(([name, one]) => (name === 'ROUND2' ? `ROUND(${one}, 1)` : `${name}(${one})`)),
    fc
      .tuple(fc.constantFrom('NULLIF', 'COALESCE', 'CONCAT', 'LEFT'), tie('expression'), tie('expression'))
      .map(([name, one, other]) => `${name}(${one}, ${other})`),
    fc
      .tuple(tie('condition'), tie('expression'), tie('expression'))
      .map((p) => `CASE WHEN ${p[0]} THEN ${p[1]} ELSE ${p[2]} END`),
    fc
      .tuple(
        fc.constantFrom('bigint', 'float', 'nvarchar(max)', 'datetime', 'bit', 'record'),
        tie('expression'),
      )
      .map(([type, one]) => `TRY_CAST(${one} AS ${type})`),
  ),
  condition: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc
      .tuple(tie('expression'), fc.constantFrom('=', '<>', '<', '>='), tie('expression'))
      .map((parts) => parts.join(' ')),
    tie('expression').map((one) => `${one} IS NOT NULL`),
    tie('expression').map((one) => `${one} LIKE '%x[a-c]_'`),
    fc.tuple(tie('expression'), tie('expression')).map((both) => both.join(' NOT LIKE ')),
    fc
      .tuple(tie('expression'), tie('expression'), tie('expression'))
      .map((p) => `${p[0]} BETWEEN ${p[1]} AND ${p[2]}`),
    fc
      .tuple(tie('condition'), fc.constantFrom('AND', 'OR'), tie('condition'))
      .map((parts) => `(${parts.join(' ')})`),
  ),
}));
const condition = expression.map((one) => `${one} IS NULL`);
const aggregate = fc
  .tuple(
    fc.constantFrom('MIN', 'MAX', 'SUM', 'AVG', 'COUNT', 'COUNT(DISTINCT', 'Collect', 'STDEV', 'VARP'),
    fc.constantFrom('a', 'b', 'TRY_CAST(a AS bigint)', 'TRY_CAST(a AS float)', 'c'),
  )
  .map(([name, arg]) => `${name}${name.includes('(') ? ' ' : '('}${arg})`);
const window = fc.constantFrom(
  ...[
    'TumblingWindow(second, 2)',
    'HoppingWindow(second, 3, 2)',
    'SlidingWindow(second, 2)',
    'System.Timestamp()',
  ],
  ...[
    'SessionWindow(second, 1, 3)',
    "Windows(Window('x', Tumbling(second, 1)), Window('y', Sliding(second, 1)))",
  ],
);
const source = 'FROM [i] TIMESTAMP BY t';
/** Rows over which APPLY stands: an input, a step with columns, and a step with a star. */
const applied = fc.constantFrom(
  '',
  'WITH s AS (SELECT a, b, c, t FROM [i]) ',
  'WITH s AS (SELECT * FROM [i]) ',
);
const query = fc.oneof(
  fc.tuple(expression, condition).map(([one, where]) => `SELECT ${one} AS x, * ${source} WHERE ${where}`),
  fc
    .tuple(aggregate, aggregate, fc.constantFrom('>', '='), VALUES, window, expression)
    .map(
      ([one, other, op, value, over, key]) =>
        `SELECT ${one} AS x, ${key} AS k ${source} GROUP BY ${key}, ${over} HAVING ${other} ${op} ${value} OR x IS NULL`,
    ),
  fc
    .tuple(expression, expression, fc.constantFrom('LAG', 'LAST', 'MAX', 'SUM', 'COUNT'), condition)
    .map(
      ([one, key, name, when]) =>
        `SELECT ${name}(${one}) OVER (PARTITION BY ${key} LIMIT DURATION(second, 2) WHEN ${when}) AS x ${source}`,
    ),
  fc
    .tuple(expression, expression, fc.constantFrom('JOIN', 'LEFT JOIN'))
    .map(
      ([one, other, join]) =>
        `WITH s AS (SELECT ${one} AS x, ${other} AS y, a ${source}) SELECT *, l.x AS z FROM s l ${join} s r ON l.x = r.y AND DATEDIFF(second, l, r) BETWEEN 0 AND 2`,
    ),
  fc
    .tuple(applied, fc.constantFrom('CROSS', 'OUTER'), expression, expression)
    .map(
      ([step, kind, one, other]) =>
        `${step}SELECT *, ${one} AS x FROM ${step === '' ? '[i]' : 's'} ${kind} APPLY GetArrayElements(TRY_CAST(${one} AS array)) AS e ${kind} APPLY GetRecordProperties(TRY_CAST(${other} AS record)) AS p ${kind} APPLY GetArrayElements(e.ArrayValue.d) AS f`,
    ),
);

const EVENTS = [
  { t: '2026-01-01T00:00:01Z', a: 1, b: 'x', c: { d: [1, 'x'] } },
  { t: '2026-01-01T00:00:02Z', a: 2.5, b: null, c: 7 },
  { t: '2026-01-01T00:00:02Z', a: '3', b: true },
  { t: '2026-01-01T00:00:03Z', a: 'x', b: '[z-a]' },
  { t: '2026-01-01T00:00:03Z', a: '_%'.repeat(100_000), b: '(' },
  { t: '2026-01-01T00:00:03Z', a: '9999-12-31T23:59:59Z', b: -1e300 },
];

/** Queries that use two fields of an event, without a construct that stops the job by its documentation. */
const SAFE_EXPRESSIONS = [
  ...['CASE WHEN a LIKE b THEN 1 END', 'CASE WHEN a NOT LIKE b THEN 1 END', 'REGEXMATCH(a, b)'],
  ...[
    'REPLICATE(a, b)',
    'SPACE(b)',
    'ROUND(a, b)',
    'POWER(TRY_CAST(a AS float), b)',
    'a / b',
    'a % b',
    'NCHAR(b)',
  ],
  ...['DATEADD(year, b, TRY_CAST(a AS datetime))', 'JSON_PARSE(a)', 'CHARINDEX(a, b)', 'CreatePoint(a, b)'],
  ...['GetArrayElement(a, b)', 'GetRecordPropertyValue(a, b)', 'ST_DISTANCE(a, b)', 'REPLACE(a, b, a)'],
  ...[
    'ST_DISTANCE(CreatePoint(a, b), CreatePoint(b, a))',
    'CreateLineString(CreatePoint(a, b), CreatePoint(b, a))',
  ],
  ...[
    'SUBSTRING(a, b, 3)',
    'CHARINDEX(a, a, b)',
    "STUFF('abc', b, 1, a)",
    "PATINDEX('%[z-a]%', a)",
    'LEFT(a, ABS(SIGN(b)))',
  ],
  ...["CASE WHEN a LIKE '[z-a]' THEN 1 END", 'DATETIMEFROMPARTS(b, 1, 1, 0, 0, 0, 0)'],
];
const HOSTILE = [
  ...['1e400', '9223372036854775807', '-9223372036854775808'],
  ...[
    null,
    true,
    0,
    -1,
    2.5,
    1e300,
    -1e300,
    2_147_483_648,
    '',
    'x',
    '[z-a]',
    '[\\d-a]',
    '(',
    'a{1001}',
    '\0',
  ],
  ...['9999-12-31T23:59:59Z', '_'.repeat(20_000), [], [1], {}, { type: 'Point', coordinates: [1e308, 'x'] }],
];

describe('a query that is accepted', () => {
  test('runs, or stops with a place in it', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(query, async (text) => {
        try {
          const engine = await createEngine(translate(text), DEFAULT_TIME_POLICY);
          try {
            const read = async ({ rowsSql }: { rowsSql: string }): Promise<void> => {
              await engine.connection.runAndReadAll(rowsSql);
            };
            const events = EVENTS.map((one) => ({ body: JSON.stringify(one), enqueuedUs: undefined }));
            await engine.process('i', events, read);
            await engine.advance(Infinity, read);
          } finally {
            engine.close();
          }
        } catch (error) {
          // With a cause, it is a fault of the translation.
          if (!(error instanceof QueryError) || error.cause !== undefined) throw error;
          expect(error.message).not.toMatch(/Binder|Parser|Catalog|Conversion/);
        }
      }),
      { numRuns: RUNS },
    );
  });

  for (const [at, text] of SAFE_EXPRESSIONS.entries())
    test(`runs over any event: ${text}`, fullAfter(10, at), async () => {
      const engine = await createEngine(translate(`SELECT ${text} AS x FROM i`), DEFAULT_TIME_POLICY);
      let rows = 0;
      const events = HOSTILE.flatMap((a) => HOSTILE.map((b) => ({ a, b })));
      await engine.process(
        'i',
        events.map((one) => ({ body: JSON.stringify(one), enqueuedUs: undefined })),
        async ({ rowsSql }) => {
          rows += (await engine.connection.runAndReadAll(rowsSql)).currentRowCount;
        },
      );
      engine.close();
      expect(rows).toBe(events.length);
    });

  test.each(['', 'WITH i AS (SELECT c, a FROM source) ', 'WITH i AS (SELECT * FROM source) '])(
    'applies functions to a field of a record: %s',
    async (step) => {
      for (const argument of ['c.d', 'TRY_CAST(c.d AS array)', 'i.c.d', "GetRecordPropertyValue(c, 'd')"]) {
        const plan = translate(
          `${step}SELECT e.ArrayValue FROM i CROSS APPLY GetArrayElements(${argument}) AS e`,
        );
        const engine = await createEngine(plan, DEFAULT_TIME_POLICY);
        const rows: unknown[] = [];
        const read = async ({ rowsSql }: { rowsSql: string }): Promise<void> => {
          rows.push(...(await engine.connection.runAndReadAll(rowsSql)).getRowsJson().flat());
        };
        await engine.process(
          step === '' ? 'i' : 'source',
          [{ body: JSON.stringify(EVENTS[0]), enqueuedUs: undefined }],
          read,
        );
        engine.close();
        expect(rows).toEqual(['{"ArrayValue":1}', '{"ArrayValue":"x"}']);
      }
    },
  );

  test.each([
    ['100 columns of a step', 100],
    ['2,000 columns of a step', 2_000],
  ])('takes SELECT * over %s', (_, count) => {
    const columns = Array.from({ length: count }, (__, i) => `c${i}`).join(', ');
    const plan = translate(`WITH s AS (SELECT ${columns} FROM [i]) SELECT * FROM s`);
    const sql = plan.nodes.map((node) => node.sql).join('') + (plan.outputs[0]?.rowsSql ?? '');
    // The SQL grows with the columns, not faster.
    expect(sql.length).toBeLessThan(count * 400);
  });
});
