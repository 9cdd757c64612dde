import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { QueryError, translate } from '../../analytics/query';
import { runs } from '../testSize';

const RUNS = runs(40, 1_000);

/** Values that an event may bring where another was meant. */
const EVENTS = [
  '{"a":1,"b":{"c":2.5,"d":"x"},"s":"Zürich 日本","t":"2026-01-02T03:04:05Z","l":[1,"2",{"k":null}]}',
  '{"a":-9223372036854775808,"b":null,"s":"","t":"no time","l":[]}',
  '{"a":9223372036854775807,"b":[1],"s":"a%_[\\\\","t":5,"l":"none"}',
  '{"a":18446744073709551616,"b":{"c":1e308,"d":true},"s":5,"t":"9999-12-31T23:59:59.9999999Z"}',
  '{"A":"1","B":{"C":"-2.5","D":{}},"S":null,"L":{}}',
  '{"a":0,"a":1,"b":{"c":0.0},"s":"\\u0000\\ud800\\"","t":"0001-01-01"}',
  '{}',
  '[{"a":1},{"a":"b"}]',
  '{"a":1}\n{"a":2}',
  'no JSON',
  '7',
];

const pick = fc.constantFrom;
const { e: expression, p: condition } = fc.letrec<{ e: string; p: string }>((tie) => {
  const [e, p] = [tie('e'), tie('p')];
  const call = (name: string, ...args: fc.Arbitrary<string>[]) =>
    fc.tuple(...args).map((all) => `${name}(${all.join(', ')})`);
  const field = pick('a', 'i.a', 'b', 'b.c', 'B.D', 's', 't', 'l', 'l.k', '[no such]');
  const constant = pick(
    ...['0', '1', '-1', '7', '2.5', '.5', '1e3', '9223372036854775807', "''", "'a'", "'2026-01-31'", "'12'"],
    'NULL',
  );
  const datePart = pick('year', 'q', 'mm', 'dy', 'day', 'week', 'dw', 'hh', 'mi', 'second', 'ms', 'mcs');
  const type = pick('bigint', 'float', 'nvarchar(max)', 'datetime', 'bit', 'record', 'array');
  const one = pick(
    ...[
      'ABS',
      'CEILING',
      'FLOOR',
      'SIGN',
      'EXP',
      'SQUARE',
      'SQRT',
      'LEN',
      'LOWER',
      'UPPER',
      'LTRIM',
      'RTRIM',
    ],
    ...['TRIM', 'YEAR', 'MONTH', 'DAY', 'GetType', 'GetArrayLength'],
  );
  const two = pick('POWER', 'ROUND', 'CONCAT', 'COALESCE', 'CHARINDEX', 'REGEXMATCH', 'GetArrayElement');
  return {
    e: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      field,
      constant,
      pick('System.Timestamp()', 'i.EventEnqueuedUtcTime', 'i.IoTHub.MessageId', 'i.IoTHub'),
      fc.tuple(pick('CAST', 'TRY_CAST'), e, type).map(([cast, of, to]) => `${cast}(${of} AS ${to})`),
      fc.tuple(e, pick('+', '-', '*', '/', '%'), e).map((all) => `(${all.join(' ')})`),
      fc.tuple(one, e).map(([name, of]) => `${name}(${of})`),
      fc.tuple(two, e, e).map(([name, of, and]) => `${name}(${of}, ${and})`),
      call('SUBSTRING', e, e, e),
      call('REPLACE', e, e, e),
      call('GetRecordPropertyValue', e, e),
      call('DATEADD', datePart, e, e),
      call('DATEDIFF', datePart, e, e),
      call('DATEPART', datePart, e),
      call('DATENAME', datePart, e),
      fc.tuple(p, e, e).map(([when, then, other]) => `CASE WHEN ${when} THEN ${then} ELSE ${other} END`),
      fc.tuple(e, e, e).map(([of, when, then]) => `CASE ${of} WHEN ${when} THEN ${then} END`),
    ),
    p: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.tuple(e, pick('=', '<>', '<', '<=', '>', '>='), e).map((all) => all.join(' ')),
      fc.tuple(e, pick('IS NULL', 'IS NOT NULL', "LIKE 'a%'", "NOT LIKE '_'")).map((all) => all.join(' ')),
      fc.tuple(e, e, e).map(([of, low, high]) => `${of} BETWEEN ${low} AND ${high}`),
      fc.tuple(e, e, e).map(([of, one, other]) => `${of} NOT IN (${one}, ${other})`),
      fc.tuple(p, pick('AND', 'OR'), p).map((all) => `(${all.join(' ')})`),
      p.map((of) => `NOT (${of})`),
    ),
  };
});

const aggregate = fc
  .tuple(
    pick('COUNT', 'SUM', 'AVG', 'MIN', 'MAX', 'STDEV', 'VARP', 'COUNT(DISTINCT', 'SUM(DISTINCT', 'Collect'),
    expression,
  )
  .map(([name, of]) => `${name}${name.includes('(') ? ' ' : '('}${of})`);
const window = pick(
  ...['TumblingWindow(second, 10)', 'HoppingWindow(second, 10, 5)', 'HoppingWindow(second, 10, 3)'],
  'System.Timestamp()',
);
const query = fc.oneof(
  fc
    .tuple(expression, expression, fc.option(condition))
    .map(
      ([one, two, where]) =>
        `SELECT ${one} AS x, ${two} AS y FROM i${where === null ? '' : ` WHERE ${where}`}`,
    ),
  fc
    .tuple(expression, condition)
    .map(([of, on]) => `SELECT i.*, ${of} AS x, r.n FROM i LEFT JOIN r ON ${on}`),
  fc
    .tuple(expression, expression, condition)
    .map(
      ([one, two, where]) =>
        `WITH i2 AS (SELECT *, ${one} AS a2 FROM i) SELECT a2, ${two} AS x FROM i2 AS i WHERE ${where}`,
    ),
  fc
    .tuple(aggregate, aggregate, expression, window, fc.boolean())
    .map(
      ([one, two, key, over, having]) =>
        `SELECT ${one} AS x, ${two} AS y, ${key} AS k FROM i TIMESTAMP BY i.t GROUP BY ${key}, ${over}${having ? ' HAVING x IS NOT NULL' : ''}`,
    ),
);

/** Rows as they would be written, or what the query was refused or stopped for. */
async function run(text: string): Promise<string[] | QueryError> {
  try {
    const plan = translate(text);
    const engine = await createEngine(plan, DEFAULT_TIME_POLICY);
    const rows: string[] = [];
    try {
      const write = async ({ rowsSql }: (typeof plan.outputs)[number]): Promise<void> => {
        for (const [row] of (await engine.connection.runAndReadAll(rowsSql)).getRows())
          rows.push(String(row));
      };
      const events = EVENTS.map((body) => ({ body, enqueuedUs: undefined }));
      for (const { input } of plan.sources) await engine.process(input, events, write);
      await engine.advance(Infinity, write);
    } finally {
      engine.close();
    }
    return rows;
  } catch (error) {
    if (error instanceof QueryError) return error;
    throw error;
  }
}

describe('any query', () => {
  test('runs on any events, or is rejected or stopped with its position', async () => {
    await fc.assert(
      fc.asyncProperty(query, async (text) => {
        const outcome = await run(text);
        if (outcome instanceof QueryError) {
          expect(outcome.at.line).toBe(1);
          expect(outcome.message).not.toMatch(/ Error: |asa_|__|field_\d/);
        } else for (const row of outcome) JSON.parse(row);
      }),
      { numRuns: RUNS },
    );
  }, 600_000);
});
