import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { coveragePage } from '../../analytics/survey';
import { queriesOfFile } from '../../analytics/survey/examples';
import { readFacts } from '../../analytics/survey/facts';

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
