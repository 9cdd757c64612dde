import { expect, test } from 'vitest';
import { refusal } from './refusal';

const WINDOW = 'GROUP BY TumblingWindow(minute, 1)';
const LACKS = 'does not exist in Stream Analytics';

/** What Microsoft's pages forbid or do not have, refused at its own place. */
const FORBIDDEN: readonly (readonly [query: string, told: string])[] = [
  // TIMESTAMP BY
  [
    'SELECT a FROM i TIMESTAMP BY DATEADD(day, 1, System.Timestamp())',
    '1:46: TIMESTAMP BY cannot have System.Timestamp: write a field of the input',
  ],
  [
    'SELECT a FROM i TIMESTAMP BY LAG(t) OVER (LIMIT DURATION(second, 1))',
    '1:30: TIMESTAMP BY cannot have LAG: write a field of the input',
  ],
  [
    'SELECT x.a FROM (SELECT a, t FROM i) AS x TIMESTAMP BY t',
    '1:56: TIMESTAMP BY cannot follow a query in FROM: write it after the input that the query reads',
  ],
  [
    `SELECT COUNT(*) AS n FROM i TIMESTAMP BY t OVER k ${WINDOW}`,
    "1:60: GROUP BY needs 'k', because TIMESTAMP BY … OVER k gives each value a timeline of its own",
  ],
  [
    `WITH s AS (SELECT a FROM i TIMESTAMP BY t OVER k)\nSELECT a FROM s GROUP BY a, TumblingWindow(minute, 1)`,
    "2:26: GROUP BY needs 'k', because TIMESTAMP BY … OVER k gives each value a timeline of its own: select it in the step, too",
  ],
  [
    'SELECT x.a FROM i x TIMESTAMP BY t OVER k\nJOIN j y TIMESTAMP BY t OVER k ON DATEDIFF(second, x, y) BETWEEN 0 AND 5',
    "2:1: ON of this JOIN needs 'k', because TIMESTAMP BY … OVER k gives each value a timeline of its own",
  ],
  [
    'SELECT a INTO o FROM i TIMESTAMP BY t OVER k\nSELECT b INTO p FROM j TIMESTAMP BY t',
    "2:37: TIMESTAMP BY … OVER must follow all inputs or none, and 'i' has it: add OVER to this input, too",
  ],
  // LAG, LAST and ISFIRST
  ...['LAG(1 + udf.f(a))', 'LAG(a, 1, udf.f(b))', 'LAST(udf.f(a))'].map(
    (call) =>
      [
        `SELECT ${call} OVER (LIMIT DURATION(second, 5)) AS x FROM i`,
        `1:${8 + call.indexOf('udf')}: udf.f cannot be inside ${call.slice(0, call.indexOf('('))}: compute it in a WITH step`,
      ] as const,
  ),
  [
    'SELECT LAG(CAST(a AS float), 1, 0) OVER (LIMIT DURATION(second, 5)) AS x FROM i',
    '1:33: the default of LAG must have the type of its first argument, float, not bigint: convert it, as in CAST(… AS float)',
  ],
  [
    'SELECT ISFIRST(second, 5) OVER (ORDER BY b) AS x FROM i',
    '1:42: ISFIRST cannot have ORDER BY in OVER: events are in the order of time',
  ],
  ['SELECT LAST(DISTINCT a) OVER (LIMIT DURATION(second, 5)) AS x FROM i', '1:8: LAST cannot have DISTINCT'],
  [
    `SELECT SUM(a) OVER (PARTITION BY b) AS x FROM i ${WINDOW}`,
    '1:8: SUM with OVER needs LIMIT DURATION(unit, length), as in OVER (PARTITION BY deviceId LIMIT DURATION(minute, 5))',
  ],
  // UNION
  [
    'SELECT a, b FROM i UNION\nSELECT b, a FROM j',
    "2:1: column 1 is 'b', but in the first SELECT of the UNION it is 'a': select the same names in the same order, if need be with AS",
  ],
  [
    'WITH s AS (SELECT v, k FROM i), r AS (SELECT k, v FROM i)\nSELECT * FROM s UNION SELECT * FROM r',
    "2:23: column 1 is 'k', but in the first SELECT of the UNION it is 'v': select the same names in the same order, if need be with AS",
  ],
  [
    'SELECT a FROM i UNION SELECT a FROM i UNION SELECT a, b FROM i',
    '1:45: this SELECT has 2 columns, but the first one of the UNION has 1: select as many in each',
  ],
  [
    'SELECT CAST(a AS bigint) AS x FROM i UNION SELECT CAST(a AS nvarchar(max)) AS x FROM i',
    "1:44: the column 'x' is nvarchar(max), but before it in the UNION it is bigint: cast one of them",
  ],
  [
    'SELECT a AS x FROM i UNION SELECT CAST(a AS bigint) AS x FROM i UNION SELECT CAST(a AS nvarchar(max)) AS x FROM i',
    "1:71: the column 'x' is nvarchar(max), but before it in the UNION it is bigint: cast one of them",
  ],
  [
    "SELECT NULL AS x FROM i UNION SELECT 1 AS x FROM i UNION SELECT 'a' AS x FROM i",
    "1:58: the column 'x' is nvarchar(max), but before it in the UNION it is bigint: cast one of them",
  ],
  // JOIN, GROUP BY and windows
  [
    'SELECT COUNT(*) AS n FROM i GROUP BY TumblingWindow(week, 1)',
    "1:38: 'week' cannot be used here: use day, hour, minute, second, millisecond or microsecond",
  ],
  [
    'SELECT COUNT(*) AS n FROM i GROUP BY TumblingWindow(Duration(day, 1), Offset(wk, 1))',
    "1:38: 'wk' cannot be used here: use day, hour, minute, second, millisecond or microsecond",
  ],
  [
    'SELECT ISFIRST(week, 1) AS x FROM i',
    "1:8: 'week' cannot be used here: use day, hour, minute, second, millisecond or microsecond",
  ],
  [
    'SELECT COUNT(*) AS n FROM i GROUP BY HoppingWindow(Duration(day, 7), Hop(microsecond, 1))',
    '1:38: each event would be in 604,800,000,000 hopping windows, but the runner computes at most 1,000,000: use a longer hop',
  ],
  ...['WHERE System.Window().Id = 1', `${WINDOW} HAVING System.Window().Id = 'a'`].map(
    (rest) =>
      [
        `SELECT MAX(a) AS a FROM i ${rest}`,
        `1:${`SELECT MAX(a) AS a FROM i ${rest}`.indexOf('System') + 1}: System.Window() can be used only in the SELECT of a query with GROUP BY and a window: select System.Window().Id AS id in a WITH step, and compare id after it`,
      ] as const,
  ),
  [
    'SELECT a.x, * FROM a JOIN b ON a.x = b.x',
    '1:13: SELECT * cannot be used with JOIN: list the columns, or put the names of the inputs in front (a.*, b.*)',
  ],
  [
    'SELECT a.x FROM a JOIN b WHERE a.x = b.x',
    '1:26: JOIN must be followed by ON with a condition, as in ON a.x = b.x',
  ],
  [
    'SELECT a,\n  MAX(b) AS m FROM i',
    '2:3: an aggregate over a stream needs a window in GROUP BY, such as TumblingWindow(minute, 1)',
  ],
  ['SELECT a FROM i GROUP BY a', '1:26: GROUP BY needs a window, such as TumblingWindow(minute, 1)'],
  ...(
    [
      [
        'Windows(TumblingWindow(second, 1))',
        'Windows(…) cannot be inside Windows(…): list all windows in one',
      ],
      [
        'Window(NULL, TumblingWindow(second, 1))',
        "the id of a window cannot be NULL: write a text, as in Window('short', TumblingWindow(second, 10))",
      ],
      [
        'Window(1, TumblingWindow(second, 1))',
        "Window takes an id in single quotes and a window, as in Window('short', TumblingWindow(second, 10))",
      ],
      ['', 'Windows takes windows, as in Windows(TumblingWindow(minute, 1), TumblingWindow(minute, 5))'],
    ] as const
  ).map(
    ([inner, told]) => [`SELECT COUNT(*) AS n FROM i GROUP BY Windows(${inner})`, `1:46: ${told}`] as const,
  ),
  [
    "SELECT COUNT(*) AS n FROM i GROUP BY Window('a', TumblingWindow(second, 1))",
    '1:38: Window(…) must be inside Windows(…)',
  ],
  ['SELECT TumblingWindow(minute, 1) AS w FROM i', '1:8: the window TumblingWindow must be in GROUP BY'],
  // names
  ...['COUNT(e)', 'udf.f(e)', 'e.a', 'e.*'].map((item) => {
    const rest = item.slice(item.indexOf('e') + 1).replace(')', '');
    return [
      `SELECT ${item} FROM e AS x ${item.startsWith('COUNT') ? WINDOW : ''}`,
      `1:${8 + item.indexOf('e')}: the input 'e' is called 'x' in this SELECT: write x${rest}, or x.e${rest} for the field 'e'`,
    ] as const;
  }),
  [
    'SELECT x.a FROM e AS x JOIN f AS y ON DATEDIFF(second, e, y) BETWEEN 0 AND 5',
    "1:56: the input 'e' is called 'x' in this SELECT: write x, or x.e for the field 'e'",
  ],
  ['SELECT a FROM i x y', '1:19: an input can have only one name in FROM or JOIN: remove this one'],
  [
    'SELECT a FROM i TIMESTAMP BY t TIMESTAMP BY u',
    '1:32: an input can have only one TIMESTAMP BY in FROM or JOIN: remove this one',
  ],
  ['SELECT a FROM dbo.i', `1:18: A schema in front of a name ${LACKS}: write [i]`],
  ['SELECT a INTO #o FROM i', `1:15: A temporary table ${LACKS}: use a WITH step`],
  [
    'SELECT a FROM i WHERE a = @x',
    `1:27: The variable @x ${LACKS}: write the value, or [@x] for a field of this name`,
  ],
  // commas and order
  ...[
    'WITH s AS (SELECT a FROM i), SELECT a FROM s',
    'SELECT a, FROM i',
    'CREATE TABLE i (a bigint,) SELECT a FROM i',
  ].map((query) => [query, `1:${query.indexOf(',') + 1}: nothing follows this comma: remove it`] as const),
  [
    'SELECT a INTO o FROM i WITH s AS (SELECT a FROM i) SELECT a INTO p FROM s',
    '1:24: all steps must be in one WITH, before the first SELECT: move this step there, after a comma',
  ],
  ...(
    [
      ['INTO', 'SELECT a FROM i INTO o'],
      ['JOIN', 'SELECT i.a FROM i WHERE i.a = 1 JOIN j ON i.a = j.a'],
      ['WHERE', 'SELECT a FROM i GROUP BY a, TumblingWindow(second, 1) WHERE a = 1'],
      ['GROUP BY', 'SELECT a FROM i HAVING a = 1 GROUP BY a, TumblingWindow(second, 1)'],
    ] as const
  ).map(
    ([clause, query]) =>
      [
        query,
        `1:${query.lastIndexOf(clause) + 1}: ${clause} cannot stand here: the order is SELECT, INTO, FROM, JOIN or APPLY, WHERE, GROUP BY, HAVING`,
      ] as const,
  ),
  ['SELECT a FROM i WHERE WHERE', "1:23: syntax error at 'WHERE'"],
  ['SELECT a FROM i WHERE a = 1 TIMESTAMP BY t', '1:29: TIMESTAMP BY must follow its input in FROM or JOIN'],
];

/** Constructs of other dialects: `^` stands before what is refused. */
const ABSENT: readonly (readonly [marked: string, construct: string])[] = [
  ['SELECT a FROM i WHERE ^EXISTS (SELECT a FROM j)', 'EXISTS (SELECT …)'],
  ['SELECT a FROM i WHERE NOT ^EXISTS (SELECT a FROM j)', 'EXISTS (SELECT …)'],
  ['SELECT a FROM i WHERE a ^IN (SELECT a FROM j)', 'IN (SELECT …)'],
  ['SELECT a FROM i WHERE a > ^ALL (SELECT a FROM j)', 'ALL (SELECT …)'],
  ['SELECT a FROM i WHERE a = ^(SELECT MAX(a) FROM j)', 'A subquery in an expression'],
  ['SELECT a FROM i ^EXCEPT SELECT a FROM j', 'EXCEPT'],
  ['SELECT a FROM i AS x ^INTERSECT (SELECT a FROM j)', 'INTERSECT'],
  ['SELECT a FROM i WHERE a = 1 ^MINUS SELECT a FROM j', 'MINUS'],
  ['SELECT a FROM i ^ORDER BY a', 'ORDER BY'],
  ['SELECT a FROM i ^LIMIT 10', 'LIMIT'],
  ['SELECT a FROM i ^OFFSET 10 ROWS', 'OFFSET'],
  ['SELECT ^TOP 1 a FROM i', 'SELECT TOP'],
  ['SELECT i.a FROM i ^RIGHT OUTER JOIN j ON i.a = j.a', 'RIGHT JOIN'],
  ['SELECT i.a FROM i ^FULL OUTER JOIN j ON i.a = j.a', 'FULL JOIN'],
  ['SELECT i.a FROM i ^NATURAL JOIN j', 'NATURAL JOIN'],
  ['SELECT i.a FROM i JOIN j ^USING (a)', 'USING'],
  ['SELECT i.a FROM i^, j', 'A list of inputs in FROM'],
  ['SELECT a FROM i ^PIVOT (MAX(a) FOR b IN ([x])) AS p', 'PIVOT'],
  ['SELECT a FROM i ^UNPIVOT (a FOR b IN (x)) AS p', 'UNPIVOT'],
  ['SELECT a FROM i ^WITH (NOLOCK)', 'A table hint'],
  ['SELECT a FROM i GROUP BY a ^WITH ROLLUP', 'WITH ROLLUP'],
  ['SELECT a FROM i GROUP BY ^CUBE(a)', 'CUBE'],
  ['SELECT a FROM i GROUP BY ^GROUPING SETS ((a), ())', 'GROUPING SETS'],
  ['SELECT a FROM i ^FOR JSON AUTO', 'FOR JSON'],
  ['SELECT a FROM i ^OPTION (MAXDOP 1)', 'OPTION'],
  ['SELECT SUM(a) OVER (ORDER BY b ^ROWS UNBOUNDED PRECEDING) AS s FROM i', 'ROWS in OVER'],
  ['SELECT ^ROW_NUMBER() OVER (ORDER BY b) AS r FROM i', 'the function ROW_NUMBER'],
  ['SELECT ^ISNULL(a, 1) AS x FROM i', 'the function ISNULL'],
  ['SELECT a ^|| b AS x FROM i', '||'],
  ['SELECT a FROM i WHERE a ^== 1', '=='],
  ['SELECT a FROM i WHERE a = 1 ^&& b = 1', '&&'],
  ['SELECT a^::bigint AS x FROM i', '::'],
  ['SELECT a FROM i WHERE a ^IS TRUE', 'IS TRUE'],
  ["SELECT a FROM i WHERE a ^ILIKE 'x'", 'ILIKE'],
  ['SELECT a FROM i\n^GO\nSELECT b INTO p FROM i', 'GO'],
  ...[
    'DECLARE @a INT = 5',
    'SET @a = 5',
    'INSERT INTO o VALUES (1)',
    'UPDATE i SET a = 1',
    'DELETE FROM i',
    'GO',
    'EXEC f',
  ].map((statement) => [`^${statement} SELECT a FROM i`, statement.replace(/ .*/, '')] as const),
  ['SELECT a FROM i ^INSERT INTO o', 'INSERT'],
  ['^CREATE FUNCTION f() RETURNS bigint', 'CREATE FUNCTION'],
];

test.each(ABSENT)('%s is refused by its name, at its place', (marked, construct) => {
  const before = marked.slice(0, marked.indexOf('^')).split('\n');
  const place = `${before.length}:${(before.at(-1) ?? '').length + 1}`;
  const told = refusal(marked.replace('^', ''));
  expect(told.startsWith(`q:${place}: ${construct} ${LACKS}`), told).toBe(true);
});

test.each([
  'SELECT for, option, [set], exists, update, all, any, use, at, zone, offset, window FROM i',
  'SELECT a for, b go FROM i option',
  'SELECT e.a, e FROM e AS E',
  'SELECT i.a FROM i CROSS JOIN r',
  'SELECT i.*, r.a FROM i JOIN r ON i.a = r.a',
  'SELECT [@type] AS a FROM i',
  'SELECT COUNT(*) AS n FROM i AS x TIMESTAMP BY t OVER x.k GROUP BY TumblingWindow(second, 1), k',
  'WITH s AS (SELECT k AS q FROM i TIMESTAMP BY t OVER k) SELECT q FROM s GROUP BY q, TumblingWindow(second, 1)',
  'SELECT a.x FROM i a TIMESTAMP BY t OVER k JOIN j b TIMESTAMP BY t OVER k ON DATEDIFF(second, a, b) BETWEEN 0 AND 5 AND a.k = b.k',
  'SELECT LAG(a, 1, 0) OVER (PARTITION BY udf.f(b) LIMIT DURATION(second, 5) WHEN udf.f(a) = 1) AS x FROM i',
  'SELECT LAG(CAST(a AS float), 1, 0.0) OVER (LIMIT DURATION(second, 5)) AS x FROM i',
])('what looks like one of them is accepted: %s', (query) => {
  expect(refusal(query)).toBe('accepted');
});

test.each(FORBIDDEN)('%s is refused with what to write instead', (query, told) => {
  expect(refusal(query)).toBe(`q:${told}`);
});
