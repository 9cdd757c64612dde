import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { QueryError, diagnostic, translate } from '../../analytics/query';

const WINDOW = 'GROUP BY TumblingWindow(minute, 1)';

/** Each message says what is wrong, with the names of the query, and what to write instead. */
const REFUSALS: readonly (readonly [query: string, told: string])[] = [
  [
    'CREATE TABLE i (a bigint) CREATE TABLE I (b bigint) SELECT a FROM i',
    "1:27: CREATE TABLE defines 'I' twice: remove one of the definitions",
  ],
  ['SELECT a FROM (SELECT a FROM i)', '1:15: a query in FROM needs a name: write (SELECT …) AS name'],
  [
    'WITH s AS (SELECT t FROM i)\nSELECT t FROM s TIMESTAMP BY t',
    "2:30: TIMESTAMP BY cannot follow the WITH step 's': write it after the input that the step reads",
  ],
  [
    'WITH s AS (SELECT a FROM i), S AS (SELECT b FROM i) SELECT a FROM s',
    "1:30: two WITH steps are named 'S': rename one of them",
  ],
  [
    'WITH s AS (SELECT a INTO o FROM i) SELECT a FROM s',
    "1:6: the WITH step 's' cannot have INTO: write INTO in the SELECT that reads the step",
  ],
  [
    'SELECT a FROM i TIMESTAMP BY 5',
    "1:30: TIMESTAMP BY needs a datetime, not bigint: convert the value, as in DATEADD(second, value, '1970-01-01T00:00:00Z')",
  ],
  [
    'SELECT a INTO o FROM i\nSELECT b INTO o FROM i',
    "2:1: two statements write to the output 'o': combine them with UNION, or write to another output",
  ],
  [
    `SELECT *, COUNT(*) AS n FROM i ${WINDOW}`,
    "1:8: '*' cannot be selected together with GROUP BY or an aggregate: list the keys and aggregates instead",
  ],
  [
    "SELECT COUNT(*) AS n FROM i GROUP BY Windows(Window('a', Tumbling(second, 1)), Tumbling(second, 2))",
    "1:38: Windows(…) needs a different id for each window, as in Window('short', TumblingWindow(second, 10))",
  ],
  [
    'SELECT LAG(a) OVER (PARTITION BY b) AS x FROM i',
    '1:8: LAG needs OVER (LIMIT DURATION(unit, length)), as in OVER (LIMIT DURATION(minute, 5))',
  ],
  ['SELECT LAG(a) OVER (LIMIT DURATION(second, 0)) AS x FROM i', '1:8: DURATION must be longer than 0'],
  [
    'SELECT LAG(b) OVER (LIMIT DURATION(day, 1)) AS y,\n  LAG(a) OVER (LIMIT DURATION(day, 8)) AS x FROM i',
    '2:3: DURATION must not exceed 7 days',
  ],
  ['SELECT a, b AS A FROM i', "1:11: two columns are named 'A': rename one of them with AS"],
  [
    'SELECT x.a FROM x TIMESTAMP BY t JOIN y TIMESTAMP BY t ON x.a = y.a',
    '1:34: a JOIN of two streams needs a time bound in ON, as in DATEDIFF(minute, x, y) BETWEEN 0 AND 5',
  ],
  [
    `SELECT TopOne() AS x FROM i ${WINDOW}`,
    '1:8: TopOne needs an order, as in TopOne() OVER (ORDER BY temperature DESC)',
  ],
  [
    `SELECT PERCENTILE_CONT(0.5) AS x FROM i ${WINDOW}`,
    '1:8: PERCENTILE_CONT needs an order by one expression, as in PERCENTILE_CONT(0.5) OVER (ORDER BY temperature)',
  ],
  [
    'SELECT a FROM i WHERE SUM(a) > 1',
    '1:23: the aggregate SUM cannot be used here: compute it in a WITH step with GROUP BY and a window, or add OVER (LIMIT DURATION(…))',
  ],
  [
    'SELECT TOP 3 a FROM i',
    '1:8: SELECT TOP does not exist in Stream Analytics: use TopOne() or CollectTop()',
  ],
  [
    'SELECT a FROM i ORDER BY a',
    '1:17: ORDER BY does not exist in Stream Analytics: rows are in the order of time',
  ],
  [
    'SELECT a FROM i WHERE LEN(a)',
    '1:23: this must be a condition, but it is of type bigint: compare it with a value',
  ],
];

test.each(REFUSALS)('the refusal of %s says what to write instead', (query, told) => {
  expect(refusal(query)).toBe(`q:${told}`);
});

const PACKAGE = join(__dirname, '..', '..', 'analytics');
const ERROR = /(?:\w*Error|error|absent|refuse)\(\s*([`'"].*)/g;

test('no error of the package speaks of what a construct wants, or of its place', () => {
  const files = readdirSync(PACKAGE, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(ts|peggy)$/.test(file),
  );
  const texts = files.flatMap((file) =>
    [...readFileSync(join(PACKAGE, file), 'utf8').matchAll(ERROR)].map(([, text = '']) => text),
  );
  expect(texts.length).toBeGreaterThan(60);
  expect(
    texts.filter((text) =>
      /\bwants?\b|takes no (?!arguments)|no place|is there twice|at the most|belongs/.test(text),
    ),
  ).toEqual([]);
});

function refusal(query: string): string {
  try {
    translate(query);
  } catch (error) {
    if (error instanceof QueryError) return diagnostic('q', error);
    throw error;
  }
  return 'accepted';
}
