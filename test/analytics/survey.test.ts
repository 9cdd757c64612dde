import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { coveragePage } from '../../analytics/survey';
import { queriesOfFile } from '../../analytics/survey/examples';
import { readFacts } from '../../analytics/survey/facts';
import { createJudge } from '../../analytics/survey/verdict';

const CASES = join(__dirname, 'golden');
const page = readFacts('patterns');

test('docs/analytics.md lists the coverage that was found', async () => {
  expect(readFileSync(join(__dirname, '..', '..', 'docs', 'analytics.md'), 'utf8')).toBe(
    await coveragePage(),
  );
});

test.each(page.queries.filter(({ verdict }) => verdict === 'equal'))(
  'the query pattern $section has a case with rows, which names the page',
  ({ case: name = '' }) => {
    expect(
      existsSync(join(CASES, name, 'expected.ndjson')) || existsSync(join(CASES, name, 'query.asaql')),
    ).toBe(true);
    expect(existsSync(join(CASES, name, 'refusal.txt'))).toBe(false);
    expect(readFileSync(join(CASES, name, 'query.asaql'), 'utf8')).toContain(page.page);
  },
);

test('no query of the sources hangs', () => {
  const all = [
    ...readFacts('reference').examples,
    ...readFacts('repositories').flatMap((one) => one.queries),
  ];
  expect(all.filter(({ verdict }) => verdict === 'hangs')).toEqual([]);
});

/** A query of our own for each reason why a public query is refused. */
const REFUSED = [
  'SELECT COUNT(*) FROM i GROUP BY SessionWindow(minute, 5)',
  'SELECT COUNT(*) FROM i',
  'SELECT a FROM i WHERE WHERE',
  'SELECT TOP 3 a FROM i',
  'SELECT 1 AS x',
  'SELECT a FROM i FULL JOIN j ON i.a = j.a',
  'SELECT a INTO o PARTITION BY a FROM i',
  'SELECT a FROM i WHERE a = 1 PARTITION BY a',
  'WITH s AS (SELECT t FROM i) SELECT t FROM s TIMESTAMP BY t',
  'WITH s AS (SELECT a FROM i) SELECT b FROM s',
  'CREATE FUNCTION f',
  'WITH s AS (SELECT a FROM i) CREATE TABLE i (a bigint) SELECT a FROM s',
  'SELECT a FROM i CROSS APPLY f(a, 1) AS x',
  'SELECT * FROM i JOIN j ON i.a = j.a',
  'SELECT a FROM i WHERE a == 1',
  'SELECT LAG(a) OVER (ORDER BY a) AS x FROM i',
  'SELECT a FROM i x y',
  'SELECT a FROM i GROUP BY a',
  "SELECT GetMetadataPropertyValue(i, 'Colour') AS c FROM i",
  'SELECT SUM(a) OVER (ORDER BY a ROWS UNBOUNDED PRECEDING) AS x FROM i',
  'SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a) AS x FROM i GROUP BY TumblingWindow(minute, 1)',
  'SELECT a.x FROM a TIMESTAMP BY t JOIN b TIMESTAMP BY t ON a.x = b.x',
  'SELECT x FROM a TIMESTAMP BY t JOIN b TIMESTAMP BY t ON DATEDIFF(minute, a, b) BETWEEN 0 AND 1',
  'SELECT x FROM (SELECT x FROM a)',
  'SELECT SUM(MIN(a)) AS x FROM i GROUP BY TumblingWindow(minute, 1)',
  'SELECT SUM(AVG(a)) AS x FROM i GROUP BY TumblingWindow(minute, 1)',
  'SELECT a, b AS a FROM i',
  'SELECT a INTO o FROM i SELECT b INTO o FROM i',
  'SELECT a FROM i WHERE a = "x"',
  'SELECT a, COUNT(*) AS n FROM i GROUP BY b, TumblingWindow(minute, 1)',
  'SELECT DATEPART(fortnight, t) AS d FROM i',
  ...['varchar', 'VARCHAR', 'int', 'decimal', 'DECIMAL(5,2)'].map(
    (one) => `SELECT CAST(a AS ${one}) AS x FROM i`,
  ),
  ...['AnomalyDetection_ChangePoint', 'AnomalyDetection_SpikeAndDip'].flatMap((one) =>
    [one, one.toUpperCase()].map(
      (name) => `SELECT ${name}(a, 95, 120) OVER (LIMIT DURATION(minute, 2)) AS x FROM i`,
    ),
  ),
  ...['ISNULL', 'RANK', 'ROW_NUMBER', 'CHECKSUM', 'geo.distance'].map(
    (one) => `SELECT ${one}(a) AS x FROM i`,
  ),
];

test('the runner still refuses what the table says, for the same reasons', async () => {
  const { judge, close } = createJudge();
  const reasons = new Set<string>();
  for (const query of REFUSED) {
    const { verdict, reason } = await judge(query);
    reasons.add(`${verdict}: ${reason ?? ''}`);
  }
  await close();
  const known = readFacts('repositories').flatMap(({ queries }) => queries);
  const refused = known.filter(({ verdict }) => verdict !== 'runs');
  expect(refused.filter(({ verdict, reason }) => !reasons.has(`${verdict}: ${reason ?? ''}`))).toEqual([]);
});

test('at least 85% of the public queries run that Stream Analytics would accept', () => {
  const all = readFacts('repositories').flatMap(({ queries }) => queries);
  const valid = all.filter(({ verdict }) => verdict !== 'invalid');
  expect(valid.length).toBeGreaterThan(300);
  expect(valid.filter(({ verdict }) => verdict === 'runs').length / valid.length).toBeGreaterThan(0.85);
});

test('a line of dashes does not delay the search for queries', () => {
  expect(queriesOfFile('a.sql', `${'-'.repeat(500)}\n\nSELECT System.Timestamp() AS t FROM a`)).toHaveLength(
    1,
  );
});

test.each([
  ['a.asaql', 'SELECT a FROM b', 1],
  [
    'a.md',
    'x\n```sql\nSELECT a FROM b TIMESTAMP BY c\n\n-- more\nSELECT d FROM e\n```\n```sql\nSELECT 1\n```',
    2,
  ],
  ['a.sql', 'SELECT System.Timestamp() FROM a\nWITH b AS (SELECT c FROM d)\n\nSELECT * FROM b', 2],
  [
    'a.json',
    '{"type": "Microsoft.StreamAnalytics/streamingjobs", "properties": {"query": "SELECT a FROM b"}}',
    1,
  ],
  ['a.json', '{"query": "SELECT a FROM b"}', 0],
])('%s holds queries: %#', (file, content, count) => {
  expect(queriesOfFile(file, content)).toHaveLength(count);
});
