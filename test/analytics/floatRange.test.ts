/** Floats beyond their range are null, in values and in written rows, and bigints beyond theirs stop the job. */

import { expect, test } from 'vitest';
import { event, useEngines } from './engineRun';
import { payloadsInFile } from './model/payloadRuns';

const GREAT = ['{"v":1e308,"k":1}', '{"v":1e308,"k":1}'];
const WINDOW = 'GROUP BY TumblingWindow(second, 10)';

test.each([
  ['a sum', 'SUM(v)', 'null'],
  ['a sum of a known type', 'SUM(CAST(v AS float))', 'null'],
  ['a mean', 'AVG(v)', '1e308'],
  ['a mean of a known type', 'AVG(CAST(v AS float))', '1e308'],
  ['a mean of opposite floats', 'AVG(v * (2 * k - 3))', '-1e308'],
  ['a percentile', 'PERCENTILE_CONT(0.25) OVER (ORDER BY v)', '1e308'],
  ['a spread', 'STDEV(v)', 'null'],
  ['a type', 'GetType(SUM(v))', '"any"'],
])('%s of great floats is JSON', async (_, aggregate, expected) => {
  const [row = ''] = await payloadsInFile(`SELECT ${aggregate} AS x FROM i ${WINDOW}`, GREAT);
  expect(row).toMatch(/^\{"x":/);
  expect((JSON.parse(row) as { x: unknown }).x).toBe(JSON.parse(expected));
});

test.each(['SUM(v)', 'SUM(CAST(v AS float))'])('%s over earlier events is JSON', async (sum) => {
  const query = `SELECT ${sum} OVER (LIMIT DURATION(second, 10)) AS x FROM i`;
  expect(await payloadsInFile(query, GREAT)).toEqual(['{"x":null}', '{"x":null}']);
});

test.each([
  'SQUARE(v)',
  'SQUARE(CAST(v AS float))',
  'EXP(v)',
  'POWER(v, 2)',
  'POWER(CAST(v AS float), 2)',
  "TRY_CAST('1e999' AS float)",
  'TRY_CAST(s AS float)',
  'CAST(v AS float) * 10',
  'CAST(v AS float) / 0',
])('%s beyond the range of float is null', async (value) => {
  const query = `SELECT ${value} AS x FROM i`;
  expect(await payloadsInFile(query, ['{"v":1e308,"s":"1e999"}'])).toEqual(['{"x":null}']);
});

test.each(['SQUARE(v)', 'EXP(CAST(v AS float))', 'POWER(v, 2)', "TRY_CAST('1e999' AS float)"])(
  '%s beyond the range of float compares as null',
  async (value) => {
    expect(await payloadsInFile(`SELECT v FROM i WHERE ${value} > 1`, ['{"v":1e308}'])).toEqual([]);
  },
);

const start = useEngines();

test.each(['SUM(v)', 'SUM(CAST(v AS bigint))'])(
  '%s beyond the range of bigint stops the job and says so',
  async (sum) => {
    const { process, advance } = await start(`SELECT ${sum} AS x FROM i TIMESTAMP BY t ${WINDOW}`);
    const work = async (): Promise<void> => {
      const body = (v: string): string => `{"t":"2026-01-01T00:00:01Z","v":${v}}`;
      await process({ ...event(1), body: body('9223372036854775807') }, { ...event(1), body: body('1') });
      await advance(60);
    };
    await expect(work()).rejects.toMatchObject({
      name: 'QueryError',
      message: 'a number exceeds the range of its type, so the job stops',
    });
  },
);
