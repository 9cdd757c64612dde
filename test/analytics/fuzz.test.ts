import { describe, expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { translate } from '../../analytics/query';
import { fullAfter } from '../testSize';
import { payloadsInEngine } from './model/payloadRuns';

const EVENT = { t: '2026-01-01T00:00:01Z', a: 1, b: 'x', c: { d: [1, 'x'] } };

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

  // DuckDB refuses such a call inside of TRY.
  test('runs with a call of a JavaScript function as the text or the pattern of LIKE', async () => {
    const query =
      'SELECT CASE WHEN GetType(ST_DISTANCE(a, b)) LIKE c OR c LIKE GetType(ST_DISTANCE(a, b)) THEN 1 ELSE 0 END AS x FROM i';
    const event = { a: { type: 'Point', coordinates: [1, 2] }, b: { type: 'Point', coordinates: [1, 2] } };
    const payloads = ['%', 'x%'].map((c) => JSON.stringify({ ...event, c }));
    expect(await payloadsInEngine(query, [payloads])).toEqual(['{"x":0}', '{"x":1}']);
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
          [{ body: JSON.stringify(EVENT), enqueuedUs: undefined }],
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
