/** Generates queries with all functions of the language, over events of any content. */

import { type Choice, choiceOf } from './choice';

type Kind =
  | 'any'
  | 'number'
  | 'integer'
  | 'text'
  | 'date'
  | 'array'
  | 'record'
  | 'unit'
  | 'pattern'
  | 'input'
  | 'property';

/** The parameters of each function. */
export const PARAMETERS: Readonly<Record<string, readonly Kind[]>> = {
  ABS: ['number'],
  CEILING: ['number'],
  FLOOR: ['number'],
  SIGN: ['number'],
  EXP: ['number'],
  POWER: ['number', 'number'],
  SQUARE: ['number'],
  SQRT: ['number'],
  ROUND: ['number', 'integer'],
  COALESCE: ['any', 'any'],
  NULLIF: ['any', 'any'],
  JSON_PARSE: ['text'],
  GetType: ['any'],
  GetArrayLength: ['array'],
  GetArrayElement: ['array', 'integer'],
  GetRecordPropertyValue: ['record', 'text'],
  CreatePoint: ['number', 'number'],
  CreateLineString: ['record', 'record'],
  CreatePolygon: ['record', 'record', 'record', 'record'],
  LEN: ['text'],
  LOWER: ['text'],
  UPPER: ['text'],
  LTRIM: ['text'],
  RTRIM: ['text'],
  TRIM: ['text'],
  REPLACE: ['text', 'text', 'text'],
  SUBSTRING: ['text', 'integer', 'integer'],
  CHARINDEX: ['text', 'text', 'integer'],
  REGEXMATCH: ['text', 'text'],
  CONCAT: ['any', 'any'],
  CONCAT_WS: ['text', 'any', 'any'],
  LEFT: ['text', 'integer'],
  RIGHT: ['text', 'integer'],
  REVERSE: ['text'],
  REPLICATE: ['text', 'integer'],
  SPACE: ['integer'],
  STUFF: ['text', 'integer', 'integer', 'text'],
  TRANSLATE: ['text', 'text', 'text'],
  UNICODE: ['text'],
  NCHAR: ['integer'],
  DATEADD: ['unit', 'integer', 'date'],
  DATEDIFF: ['unit', 'date', 'date'],
  DATEPART: ['unit', 'date'],
  DATENAME: ['unit', 'date'],
  DATETIMEFROMPARTS: ['integer', 'integer', 'integer', 'integer', 'integer', 'integer', 'integer'],
  YEAR: ['date'],
  MONTH: ['date'],
  DAY: ['date'],
  ST_DISTANCE: ['record', 'record'],
  ST_WITHIN: ['record', 'record'],
  ST_INTERSECTS: ['record', 'record'],
  ST_OVERLAPS: ['record', 'record'],
  PATINDEX: ['pattern', 'text'],
  GetMetadataPropertyValue: ['input', 'property'],
  'System.Timestamp': [],
};

const LEAVES: Readonly<Record<Kind, readonly string[]>> = {
  any: ['a', 'b', 'c', 'c.d', 'l', 't', 'NULL', "'x'", '1', 'System.Timestamp()', 'x.y.z'],
  number: [
    'a',
    'b',
    'c.d',
    '1',
    '-2',
    '0',
    '2.5',
    '1e308',
    '9223372036854775807',
    'TRY_CAST(a AS float)',
    'TRY_CAST(b AS bigint)',
    'TRY_CAST(a AS bit)',
  ],
  integer: ['a', 'b', '0', '1', '2', '-1', '3', '100000', 'TRY_CAST(a AS bigint)'],
  text: [
    'a',
    'b',
    "''",
    "'x'",
    "'a%_['",
    "'Öß𝒳'",
    'TRY_CAST(a AS nvarchar(max))',
    'TRY_CAST(c AS nvarchar(max))',
  ],
  date: [
    't',
    'a',
    'System.Timestamp()',
    'TRY_CAST(t AS datetime)',
    'TRY_CAST(b AS datetime)',
    "'2026-02-28T23:59:59.9999999Z'",
  ],
  array: ['l', 'c.d', 'b', 'TRY_CAST(a AS array)', 'TRY_CAST(l AS array)'],
  record: [
    'c',
    'b',
    'TRY_CAST(c AS record)',
    'CreatePoint(1, 2)',
    'CreatePoint(a, b)',
    'JSON_PARSE(\'{"type":"Point"}\')',
  ],
  unit: [
    'year',
    'quarter',
    'month',
    'dayofyear',
    'day',
    'week',
    'weekday',
    'hour',
    'minute',
    'second',
    'millisecond',
    'microsecond',
    'mi',
    'ss',
  ],
  pattern: ["'%x%'", "'[a-c]_'", "'%[^0-9]'", "''", "'a'"],
  input: ['i'],
  property: ["'EventId'", "'[User].[name]'", "'IoTHub.ConnectionDeviceId'"],
};
const TYPES = ['bigint', 'float', 'nvarchar(max)', 'datetime', 'bit', 'record', 'array'];
const MIXED: readonly Kind[] = ['any', 'number', 'integer', 'text', 'date', 'array', 'record'];

interface Expressions {
  expression: (kind?: Kind, depth?: number) => string;
  condition: (depth?: number) => string;
}

function expressionsOf({ of, chance }: Choice): Expressions {
  const names = Object.keys(PARAMETERS);
  const expression = (wanted: Kind = 'any', depth = 2): string => {
    if (['unit', 'pattern', 'input', 'property'].includes(wanted)) return of(LEAVES[wanted]);
    const kind = chance(0.1) ? of(MIXED) : wanted;
    if (depth <= 0 || chance(0.3)) return of(LEAVES[kind]);
    return of([
      call,
      call,
      call,
      () =>
        `(${expression('number', depth - 1)} ${of(['+', '-', '*', '/', '%', '&', '|', '^'])} ${expression('number', depth - 1)})`,
      () => `(${expression('text', depth - 1)} + ${expression('text', depth - 1)})`,
      () => `(- ${expression('number', depth - 1)})`,
      () => `(~ ${expression('integer', depth - 1)})`,
      () =>
        `CASE WHEN ${condition(depth - 1)} THEN ${expression(kind, depth - 1)} ELSE ${expression(kind, depth - 1)} END`,
      () =>
        `CASE ${expression('any', depth - 1)} WHEN ${expression('any', depth - 1)} THEN ${expression(kind, depth - 1)} END`,
      () => `TRY_CAST(${expression('any', depth - 1)} AS ${of(TYPES)})`,
    ])();
    function call(): string {
      const name = of(names);
      return `${name}(${(PARAMETERS[name] ?? []).map((one) => expression(one, depth - 1)).join(', ')})`;
    }
  };
  const condition = (depth = 2): string => {
    const any = (): string => expression('any', depth - 1);
    const not = of(['', ' NOT']);
    return of([
      () => `${any()} ${of(['=', '<>', '<', '>='])} ${any()}`,
      () => `${any()} IS${not} NULL`,
      () => `${expression('text', depth - 1)}${not} LIKE ${chance(0.7) ? of(LEAVES.pattern) : any()}`,
      () => `${any()}${not} IN (${any()}, ${any()})`,
      () => `${any()}${not} BETWEEN ${any()} AND ${any()}`,
      ...(depth > 0
        ? [
            () => `(${condition(depth - 1)} ${of(['AND', 'OR'])} ${condition(depth - 1)})`,
            () => `NOT (${condition(depth - 1)})`,
          ]
        : []),
    ])();
  };
  return { expression, condition: (depth = 2) => condition(Math.max(1, depth)) };
}

const WINDOWS = [
  'TumblingWindow(second, 2)',
  'HoppingWindow(second, 3, 2)',
  'SlidingWindow(second, 2)',
  'SessionWindow(second, 1, 3)',
  'System.Timestamp()',
  "Windows(Window('x', Tumbling(second, 1)), Window('y', Sliding(second, 1)))",
];

/** A query over the input `i`, whose events have any values in `a`, `b`, `c` and `l`, and mostly a time in `t`. */
export function expressionQuery(seed: number): string {
  const choice = choiceOf(seed);
  const { of, chance } = choice;
  const { expression: e, condition } = expressionsOf(choice);
  const time = `TIMESTAMP BY ${chance(0.9) ? 't' : `COALESCE(TRY_CAST(${e('date')} AS datetime), t)`}`;
  const over = chance(0.1) ? ` OVER ${of(['a', 'b', 'c.d', 'a, b'])}` : '';
  const by = `${time}${over}`;
  const from = `FROM [i] ${by}`;
  const where = chance(0.4) ? ` WHERE ${condition()}` : '';
  const limit = (): string => `LIMIT DURATION(second, 2)${chance(0.5) ? ` WHEN ${condition()}` : ''}`;
  const aggregate = (): string =>
    of([
      () => `${of(['SUM', 'AVG', 'STDEV', 'STDEVP', 'VAR', 'VARP'])}(${e('number')})`,
      () => `${of(['MIN', 'MAX', 'COUNT'])}(${e()})`,
      () => `COUNT(DISTINCT ${e()})`,
      () => `Collect(${e()})`,
      () => `TopOne() OVER (ORDER BY ${e()} DESC)`,
      () => `CollectTop(2, ${e()}) OVER (ORDER BY ${e()})`,
      () => `PERCENTILE_${of(['CONT', 'DISC'])}(0.3) OVER (ORDER BY ${e('number')})`,
    ])();
  const group = (): string =>
    `GROUP BY ${chance(0.7) ? `${key}, ` : ''}${of(WINDOWS)}${chance(0.3) ? ` HAVING ${aggregate()} ${of(['>', '=', '<>'])} ${e()}` : ''}`;
  const key = e();
  const apply = of(['CROSS', 'OUTER']);
  const query = of([
    () => {
      // APPLY stands over an input, a step with columns, and a step with a star.
      const [step, read] = of([
        ['', `[i] AS i ${by}`],
        [`WITH s AS (SELECT a, b, c, l, t ${from}) `, 's'],
        [`WITH s AS (SELECT * ${from}) `, 's'],
      ] as const);
      return `${step}SELECT *, ${e()} AS x FROM ${read} ${apply} APPLY GetArrayElements(${e('array')}) AS v ${apply} APPLY GetRecordProperties(${e('record')}) AS p ${apply} APPLY GetArrayElements(v.ArrayValue.d) AS f`;
    },
    () => `SELECT ${e()} AS x, ${e()} AS y, * ${from}${where}`,
    () => `SELECT ${e()} AS x ${from}${where}`,
    () => `SELECT ${aggregate()} AS x, ${aggregate()} AS y ${from}${where} ${group()}`,
    () =>
      `SELECT ${of(['LAG', 'LAST'])}(${e()}) OVER (PARTITION BY ${e()} ${limit()}) AS x, ${of(['MAX', 'SUM', 'COUNT', 'AVG'])}(${e('number')}) OVER (${limit()}) AS y ${from}${where}`,
    () => `SELECT ISFIRST(second, 2) OVER (PARTITION BY ${e()}) AS x, ${e()} AS y ${from}${where}`,
    () =>
      `WITH s AS (SELECT ${e()} AS x, ${e()} AS y, a ${from}) SELECT l.x AS z, r.* FROM s l ${of(['JOIN', 'LEFT JOIN'])} s r ON l.x = r.y AND DATEDIFF(second, l, r) BETWEEN 0 AND 2${chance(0.5) ? ' WHERE l.x IS NOT NULL' : ''}`,
    () =>
      `SELECT v.ArrayIndex AS n, v.ArrayValue AS x, ${e()} AS y FROM [i] AS i ${by} ${of(['CROSS', 'OUTER'])} APPLY GetArrayElements(${e('array')}) AS v`,
    () =>
      `SELECT p.PropertyName AS n, p.PropertyValue AS x FROM [i] AS i ${by} ${of(['CROSS', 'OUTER'])} APPLY GetRecordProperties(${e('record')}) AS p`,
    () =>
      `WITH s AS (SELECT ${e()} AS x ${from} UNION SELECT ${e()} AS x ${from}${where}) SELECT x, COUNT(*) AS n FROM s GROUP BY x, ${of(WINDOWS)}`,
    () =>
      `WITH s AS (SELECT ${key} AS x, ${aggregate()} AS y ${from} GROUP BY ${key}, ${of(WINDOWS)}) SELECT x, y, LAG(y) OVER (LIMIT DURATION(second, 9)) AS z FROM s WHERE ${chance(0.5) ? 'y IS NOT NULL' : 'x = y'}`,
    () =>
      `SELECT i.a, r.a AS ra FROM [i] AS i ${by} ${of(['JOIN', 'LEFT JOIN'])} r ON ${of([() => 'i.a = r.a', () => `i.a = r.a AND r.b > ${e('number')}`, () => 'r.a LIKE i.b', () => `CONCAT(r.a, r.b) = ${e('text')}`])()}`,
    () =>
      `SELECT i.*, v.ArrayValue AS x, LAG(${of(['i.a', 'i.b'])}) OVER (PARTITION BY i.b ${limit()}) AS y FROM [i] AS i ${by} ${apply} APPLY GetArrayElements(i.l) AS v`,
    () =>
      `WITH s AS (SELECT *, ${e()} AS x ${from}), u AS (SELECT * FROM s UNION SELECT * ${from}${where}) SELECT *, LAST(a) OVER (${limit()}) AS y FROM u`,
    () =>
      `SELECT CONCAT(${key}, '-') AS x, ${key} AS y, CASE WHEN ${aggregate()} IS NULL THEN ${key} END AS z, System.Window().Id AS w ${from}${where} GROUP BY ${key}, ${of(WINDOWS)}`,
    () =>
      `WITH s AS (SELECT a, b, ${e()} AS x ${from}) SELECT l.a, LAG(l.x) OVER (PARTITION BY l.b ${chance(0.5) ? 'LIMIT DURATION(second, 3)' : 'LIMIT DURATION(minute, 1)'}) AS y, r.* FROM s l ${of(['JOIN', 'LEFT JOIN'])} [i] r ${by} ON l.a = r.a AND DATEDIFF(second, r, l) BETWEEN -1 AND 1 AND ${condition(1)}`,
    () =>
      `SELECT q.x, MAX(q.y) AS y FROM (SELECT ${e()} AS x, ${e('number')} AS y FROM (SELECT * ${from}${where}) AS p) AS q GROUP BY q.x, ${of(WINDOWS)}`,
    () =>
      `SELECT r.a AS x, COUNT(*) AS n, ${of(['MAX', 'MIN', 'COUNT'])}(i.b) AS y FROM [i] AS i ${by} LEFT JOIN r ON i.a = r.a GROUP BY r.a, ${of(WINDOWS)}`,
    () =>
      `SELECT ${e()} AS x INTO o ${from}${where} SELECT ${aggregate()} AS x INTO [p] FROM [i] ${by} PARTITION BY b GROUP BY ${of(WINDOWS)}`,
  ])();
  // OVER needs its columns in GROUP BY and ON.
  return /GROUP BY|JOIN/.test(query) ? query.replaceAll(by, time) : query;
}

const TABLE = 'CREATE TABLE i (a bigint, b nvarchar(max), c record, l array, t datetime) ';

/** The same, sometimes with declared types, which events must fit. */
export function declaredQuery(seed: number): string {
  const { chance } = choiceOf(seed ^ 0x2545f491);
  return chance(0.15) ? TABLE + expressionQuery(seed) : expressionQuery(seed);
}
