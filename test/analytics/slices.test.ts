import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runFiles } from '../../analytics/fileRun';
import { translate } from '../../analytics/query';
import type { TimePolicy } from '../../analytics/timePolicy';
import { IS_FULL, propertyRuns, testEach } from '../testSize';
import { FUNCTIONS } from './documentedCases';
import { isAccepted, queries } from './generatedQueries';
import { KEYS, MIDNIGHT, policies } from './interpreter';
import { arrivals } from './interruptedRun';
import type { PartitionedArrival } from './jobOnFile';

/** The short run tries the same queries each time; the full run tries others. */
const SEED = 1;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-slices-'));
  await writeFile(join(folder, 'r.json'), KEYS.map((k, f) => JSON.stringify({ k, f })).join('\n'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Given {
  query: string;
  policy?: Partial<TimePolicy>;
  lines: readonly object[];
  maxSliceRows?: number;
}

/** The rows of each output, as they are in its file. */
async function rowsOf({ query, policy, lines, maxSliceRows }: Given): Promise<string[]> {
  const plan = translate(query);
  const input = join(folder, 'events.ndjson');
  await writeFile(input, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const outputs = new Map(plan.outputs.map(({ table, name }) => [table, join(folder, name)]));
  await runFiles({
    plan,
    policy: {
      eventsLateArrivalMaxDelayInSeconds: 5,
      eventsOutOfOrderMaxDelayInSeconds: 0,
      eventsOutOfOrderPolicy: 'Adjust',
      ...policy,
    },
    inputs: new Map([...new Set(plan.sources.map((one) => one.input))].map((name) => [name, [input]])),
    references: new Map(plan.references.map(({ name }) => [name, [join(folder, 'r.json')]])),
    outputs,
    functions: FUNCTIONS,
    ...(maxSliceRows !== undefined && { maxSliceRows }),
  });
  return Promise.all([...outputs.values()].map((file) => readFile(file, 'utf8')));
}

const lineOf = ({ s, k, v, arrived, partition }: PartitionedArrival): object => ({
  t: new Date(MIDNIGHT + 1_000 * s).toISOString(),
  ...{ k, v },
  list: Array.from({ length: v % 3 }, (_, i) => v + i),
  EventEnqueuedUtcTime: new Date(MIDNIGHT + 1_000 * arrived).toISOString(),
  PartitionId: partition,
});

test('slices never change the rows of generated queries', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      queries,
      arrivals,
      policies,
      fc.boolean(),
      fc.integer({ min: 1, max: 20 }),
      async (query, rows, policy, inOrder, maxSliceRows) => {
        fc.pre(isAccepted(query));
        const ordered = inOrder
          ? rows.map((row) => ({ ...row, s: row.arrived })).sort((a, b) => a.s - b.s)
          : rows;
        const given = { query, policy, lines: ordered.map(lineOf) };
        expect(await rowsOf({ ...given, maxSliceRows })).toEqual(await rowsOf(given));
      },
    ),
    propertyRuns(2, 20, SEED),
  );
});

const seconds = (count: number): object[] =>
  Array.from({ length: count }, (_, n) => ({ t: new Date(MIDNIGHT + 1_000 * n).toISOString(), n, k: n % 3 }));

/** Columns that have the names of any table of a small plan. */
const COLUMNS = (value: string): string =>
  Array.from({ length: 12 }, (_, i) => `${value} AS step_${i}, '"step_${i}"' AS [text "step_${i}"]`).join(
    ', ',
  );

test.each([
  [
    'a join of two inputs',
    `SELECT a.n, b.n AS m FROM a TIMESTAMP BY t JOIN b TIMESTAMP BY DATEADD(second, -2, t) ON a.k = b.k AND DATEDIFF(second, b, a) BETWEEN 0 AND 4`,
  ],
  [
    'a UNION of rows that come at once and of rows that wait for a match',
    `WITH late AS (SELECT a.n, b.n AS m FROM a TIMESTAMP BY t LEFT JOIN a b TIMESTAMP BY t ON a.n = b.n * 2 AND DATEDIFF(second, a, b) BETWEEN 0 AND 4)
     SELECT n, m, System.Timestamp() AS e FROM late UNION SELECT n, 0 - n AS m, System.Timestamp() AS e FROM a TIMESTAMP BY t`,
  ],
  [
    'a UNION of steps with different delays',
    `WITH ahead AS (SELECT a.n, b.n AS m FROM a TIMESTAMP BY t LEFT JOIN a b TIMESTAMP BY t ON a.k = b.k AND DATEDIFF(second, a, b) BETWEEN 1 AND 7),
       nearby AS (SELECT a.n, b.n AS m FROM a TIMESTAMP BY t LEFT JOIN a b TIMESTAMP BY t ON a.n = b.n * 2 AND DATEDIFF(second, a, b) BETWEEN 0 AND 2),
       windows AS (SELECT MAX(n) AS n, COUNT(*) AS m FROM a TIMESTAMP BY t GROUP BY HoppingWindow(second, 6, 2))
     SELECT n, m, 'ahead' AS s FROM ahead UNION SELECT n, m, 'nearby' AS s FROM nearby UNION SELECT n, m, 'windows' AS s FROM windows`,
  ],
  [
    'a UNION of steps with different delays, read by a step that remembers',
    `WITH ahead AS (SELECT a.n FROM a TIMESTAMP BY t LEFT JOIN a b TIMESTAMP BY t ON a.n = b.n * 2 AND DATEDIFF(second, a, b) BETWEEN 0 AND 5),
       both_ AS (SELECT n FROM ahead UNION SELECT n FROM a TIMESTAMP BY t)
     SELECT COUNT(*) AS c, SUM(n) AS s FROM both_ GROUP BY SlidingWindow(second, 3)`,
  ],
  [
    'columns and texts that are named like the tables of the plan',
    `WITH late AS (SELECT a.n FROM a TIMESTAMP BY t LEFT JOIN a b TIMESTAMP BY t ON a.n = b.n * 2 AND DATEDIFF(second, a, b) BETWEEN 0 AND 4)
     SELECT ${COLUMNS('n')} FROM late UNION SELECT ${COLUMNS('n')} FROM a TIMESTAMP BY t`,
  ],
  [
    'several outputs',
    `SELECT COUNT(*) AS c INTO x FROM a TIMESTAMP BY t GROUP BY SlidingWindow(second, 3)
     SELECT n INTO y FROM a TIMESTAMP BY t WHERE k = 1
     SELECT LAG(n, 2) OVER (LIMIT DURATION(second, 9)) AS l INTO z FROM a TIMESTAMP BY t`,
  ],
  [
    'a session',
    `SELECT k, COUNT(*) AS c, Collect(n) AS l FROM a TIMESTAMP BY t WHERE n % 7 < 4 GROUP BY k, SessionWindow(second, 3, 20)`,
  ],
])('slices do not change the rows of %s', async (_, query) => {
  const lines = seconds(30);
  const whole = await rowsOf({ query, lines });
  expect(whole.every((rows) => rows !== '')).toBe(true);
  for (const maxSliceRows of IS_FULL ? [1, 4, 11] : [4])
    expect(await rowsOf({ query, lines, maxSliceRows })).toEqual(whole);
});

/** Seconds before and after 1970, whose numbers of periods are rounded in different directions. */
const AROUND_1970 = Array.from({ length: 41 }, (_, i) => i - 20);
const around = AROUND_1970.map((n) => ({ t: new Date(1_000 * n).toISOString(), n }));

testEach(2, [
  [0, 4],
  [-3, 2],
  [2, 5],
  [-6, -1],
  [0, 0],
])('a stream join finds all matches from %i to %i s, also before 1970', async (low, high) => {
  const query = `SELECT a.n AS a, b.n AS b FROM a TIMESTAMP BY t JOIN a AS b TIMESTAMP BY t ON DATEDIFF(second, a, b) BETWEEN ${low} AND ${high}`;
  const pairs = AROUND_1970.flatMap((a) =>
    AROUND_1970.filter((b) => b - a >= low && b - a <= high).map((b) => ({ a, b })),
  ).sort((one, other) => Math.max(one.a, one.b) - Math.max(other.a, other.b) || one.a - other.a);
  for (const maxSliceRows of [undefined, 3]) {
    const [rows = ''] = await rowsOf({
      query,
      lines: around,
      ...(maxSliceRows !== undefined && { maxSliceRows }),
    });
    expect(rows).toBe(pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
  }
});

/** Several events in each second, with the number of the second. */
const UNEVEN = Array.from({ length: 24 }, (_, n) => ({
  t: new Date(MIDNIGHT + 377 * n).toISOString(),
  n,
  s: Math.floor(0.377 * n),
}));

testEach<[string, string, (difference: number) => boolean]>(2, [
  ['< 2.1', '>= 0', (d: number) => d >= 0 && d <= 2],
  ['> -2.5', '<= 0.9', (d: number) => d >= -2 && d <= 0],
  ['>= -1.5', '<= 2.5', (d: number) => d >= -1 && d <= 2],
  ['BETWEEN -1.5 AND 2.5', '< 9', (d: number) => d >= -1 && d <= 2],
  ['= 2.5', '< 9', () => false],
])('a stream join counts whole units within bounds %s and %s', async (one, other, fits) => {
  const join = (kind: string): string =>
    `SELECT a.n AS a, b.n AS b FROM a TIMESTAMP BY t ${kind} a AS b TIMESTAMP BY t ON DATEDIFF(second, a, b) ${one} AND DATEDIFF(second, a, b) ${other}`;
  const pairs = (isLeft: boolean): string[] =>
    UNEVEN.flatMap((a) => {
      const found: object[] = UNEVEN.filter((b) => fits(b.s - a.s)).map((b) => ({ a: a.n, b: b.n }));
      return found.length === 0 && isLeft ? [{ a: a.n, b: null }] : found;
    })
      .map((row) => JSON.stringify(row))
      .sort();
  for (const [kind, expected] of [
    ['JOIN', pairs(false)],
    ['LEFT JOIN', pairs(true)],
  ] as const) {
    const [rows = ''] = await rowsOf({ query: join(kind), lines: UNEVEN, maxSliceRows: 3 });
    expect(rows.split('\n').filter(Boolean).sort()).toEqual(expected);
  }
});

test('a bound of a stream join may have a fraction of a microsecond', async () => {
  const query = `SELECT a.n AS a, b.n AS b FROM a TIMESTAMP BY t LEFT JOIN a AS b TIMESTAMP BY t ON DATEDIFF(microsecond, a, b) BETWEEN 0 AND 2.5`;
  expect(await rowsOf({ query, lines: seconds(2), maxSliceRows: 1 })).toEqual([
    '{"a":0,"b":0}\n{"a":1,"b":1}\n',
  ]);
});

test('a sliding window has all its rows, also before 1970', async () => {
  const query = `SELECT Collect(n) AS l FROM a TIMESTAMP BY t GROUP BY SlidingWindow(second, 3)`;
  const [rows = ''] = await rowsOf({ query, lines: around, maxSliceRows: 4 });
  const found = rows
    .trimEnd()
    .split('\n')
    .map((row) => (JSON.parse(row) as { l: number[] }).l);
  expect(found).toEqual(
    Array.from({ length: 43 }, (_, i) => i - 20).map((end) =>
      AROUND_1970.filter((n) => n > end - 3 && n <= end),
    ),
  );
});

const READ = 'SELECT a.n, b.n AS m FROM i a TIMESTAMP BY t JOIN b ON DATEDIFF(second, a, b) = 0';

test.each([
  [
    'cannot be cast, in a column that nothing reads',
    `WITH b AS (SELECT CAST(k AS bigint) AS u, n FROM i TIMESTAMP BY t) ${READ}`,
    'CAST to bigint failed',
  ],
  [
    'is too large, in a column that nothing reads',
    `WITH b AS (SELECT n * 9223372036854775807 AS u, n FROM i TIMESTAMP BY t) ${READ}`,
    'a number exceeds the range of its type',
  ],
  [
    'cannot be cast, in a row that WHERE drops after LAG',
    `WITH x AS (SELECT CAST(k AS bigint) AS u, n FROM i TIMESTAMP BY t)
     SELECT LAG(n) OVER (LIMIT DURATION(second, 10)) AS l, u FROM x WHERE n <> 5`,
    'CAST to bigint failed',
  ],
  [
    'is too large, in an argument of LAG that nothing reads',
    `WITH x AS (SELECT LAG(n * 9223372036854775807) OVER (LIMIT DURATION(second, 10)) AS l, n FROM i TIMESTAMP BY t)
     SELECT n FROM x`,
    'a number exceeds the range of its type',
  ],
])('a value that %s stops the job in any slices', async (_, query, message) => {
  const lines = seconds(8).map((line, n) => ({ ...line, k: n === 5 ? 'x' : 1 }));
  for (const maxSliceRows of [2, 100])
    await expect(rowsOf({ query, lines, maxSliceRows })).rejects.toMatchObject({
      name: 'QueryError',
      message: expect.stringContaining(message) as string,
    });
});
