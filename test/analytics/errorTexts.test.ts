import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusal } from './refusal';

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
    "1:26: the WITH step 's' cannot have INTO: write INTO in the SELECT that reads the step",
  ],
  [
    'SELECT a FROM i TIMESTAMP BY 5',
    "1:30: TIMESTAMP BY needs a datetime, not bigint: convert the value, as in DATEADD(second, value, '1970-01-01T00:00:00Z')",
  ],
  [
    `SELECT ABS(SUM(a) OVER (LIMIT DURATION(second, 5))) AS a, COUNT(*) AS n FROM i ${WINDOW}`,
    '1:12: SUM cannot be inside another function with OVER, and not in a SELECT with GROUP BY: compute it in a WITH step',
  ],
  [
    'SELECT a INTO o FROM i\nSELECT b INTO o FROM i',
    "2:15: two statements write to the output 'o': combine them with UNION, or write to another output",
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
  ['SELECT LAG(a) OVER (LIMIT DURATION(second, 0)) AS x FROM i', '1:36: DURATION must be longer than 0'],
  [
    'SELECT LAG(b) OVER (LIMIT DURATION(day, 1)) AS y,\n  LAG(a) OVER (LIMIT DURATION(day, 8)) AS x FROM i',
    '2:31: DURATION must not exceed 7 days',
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

const DEEP =
  'more than 80 operators or functions are inside each other or in a row: compute a part in a WITH step';
const BOUNDED: readonly (readonly [query: string, told: string])[] = [
  [`SELECT ${'- '.repeat(3_000)}a FROM i`, `q:1:164: ${DEEP}`],
  [`SELECT ${'~'.repeat(3_000)}a FROM i`, `q:1:86: ${DEEP}`],
  [`SELECT a FROM i WHERE ${'NOT '.repeat(3_000)}a = 1`, `q:1:339: ${DEEP}`],
  [`SELECT ${'(- '.repeat(100)}a${')'.repeat(100)} FROM i`, `q:1:243: ${DEEP}`],
  [`SELECT ${'ABS('.repeat(100)}a${')'.repeat(100)} FROM i`, `q:1:320: ${DEEP}`],
  [`SELECT a${'.b'.repeat(3_000)} FROM i`, 'q:1:8: a field is nested deeper than 80 records'],
  [`SELECT ${'a + '.repeat(40)}a AS x FROM i`, 'accepted'],
  [`SELECT a FROM i WHERE ${'a = 1 OR '.repeat(500)}a = 2`, 'accepted'],
  [`SELECT a FROM i ${'UNION SELECT a FROM i '.repeat(200)}`, 'accepted'],
  [
    `SELECT * FROM ${'(SELECT * FROM '.repeat(3_000)}i${') x'.repeat(3_000)}`,
    'q:1:1: the query is nested too deeply',
  ],
  ['WITH s AS (SELECT a FROM i) SELECT [b\n c] FROM s', "q:1:36: the step 's' has no column 'b c'"],
  [
    'CREATE TABLE i (a nvarchar(max,\n b nvarchar(max)) SELECT a FROM i',
    'q:1:19: The type nvarchar does not exist in Stream Analytics: use bigint, float, nvarchar(max), datetime, bit, record or array',
  ],
  ["SELECT a AS '' FROM i", 'q:1:13: an alias cannot be empty'],
  ["SELECT a 'b', 'c' = d, '' AS e FROM i", 'accepted'],
  ['', 'q:1:1: the query is empty'],
  ['-- nothing\n/* here */', 'q:2:11: the query is empty'],
  [
    "SELECT a,\n  'b FROM i",
    "q:2:3: the text that begins here has no end: write ' after it, and '' for a ' inside it",
  ],
  [
    "SELECT a -- it's\nFROM [i'i] WHERE a = 'b'' AND",
    "q:2:22: the text that begins here has no end: write ' after it, and '' for a ' inside it",
  ],
  ['SELECT a FROM i WHERE a = ‘x’', "q:1:27: the character ‘ (U+2018) is typographic: write '"],
  ['SELECT a FROM i WHERE a = ’x’', "q:1:27: the character ’ (U+2019) is typographic: write '"],
  ['SELECT a FROM i WHERE a = “x”', 'q:1:27: the character “ (U+201C) is typographic: write "'],
  ['SELECT a – b FROM i', 'q:1:10: the character – (U+2013) is typographic: write -'],
  ['SELECT a， b FROM i', 'q:1:9: the character ， (U+FF0C) is typographic: write ,'],
  ['SELECT a\u00AD FROM i', 'q:1:9: syntax error at the invisible character U+00AD'],
  ...[
    `SELECT MAX(a), LAG(a) OVER (LIMIT DURATION(second, 5)) AS x FROM i ${WINDOW}`,
    `SELECT a FROM i GROUP BY a, TumblingWindow(second, 1) HAVING LAG(a) OVER (LIMIT DURATION(second, 5)) = 1`,
  ].map(
    (query) =>
      [
        query,
        `q:1:${query.indexOf('LAG') + 1}: LAG cannot be inside another function with OVER, and not in a SELECT with GROUP BY: compute it in a WITH step`,
      ] as const,
  ),
];

test.each(BOUNDED.map(([query, told]) => [query.slice(0, 60), query, told] as const))(
  'a query is accepted, or refused with its place and the reason: %s',
  (_, query, told) => {
    expect(refusal(query)).toBe(told);
  },
);
