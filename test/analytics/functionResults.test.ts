// https://learn.microsoft.com/azure/stream-analytics/stream-analytics-javascript-user-defined-functions: types of results
import { afterEach, describe, expect, test } from 'vitest';
import { type Engine, createEngine } from '../../analytics/engine';
import { translate } from '../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { testEach } from '../testSize';
import { event } from './engineRun';

let engines: Engine[] = [];
afterEach(() => {
  for (const engine of engines) engine.close();
  engines = [];
});

/** The rows of a query over one event with `fields`, as their JSON texts. */
async function rowsOf(
  query: string,
  scripts: Record<string, string>,
  fields: object = {},
): Promise<string[]> {
  const engine = await createEngine(translate(query), DEFAULT_TIME_POLICY, new Map(Object.entries(scripts)));
  engines.push(engine);
  const rows: string[] = [];
  const collect = async ({ rowsSql }: { rowsSql: string }): Promise<void> => {
    for (const [row] of (await engine.connection.runAndReadAll(rowsSql)).getRows()) rows.push(String(row));
  };
  await engine.process('i', [event(1, 1, fields), event(20)], collect);
  await engine.advance(event(100).enqueuedUs ?? 0, collect);
  return rows;
}

/** The first row of a SELECT list. `udf.r()` returns the value of `result`, and `udf.id(x)` x. */
async function rowOf(selected: string, result: string, fields: object = {}): Promise<unknown> {
  const scripts = {
    r: `function main() { return ${result}; }`,
    id: 'function id(x) { return x; }',
    seen: SEEN,
  };
  const [row] = await rowsOf(
    `WITH s AS (SELECT udf.r() AS r, * FROM i) SELECT ${selected} FROM s`,
    scripts,
    fields,
  );
  return JSON.parse(row ?? 'null');
}

/** What JavaScript sees. */
const SEEN = `function main(x) { return x instanceof Date ? 'Date ' + x.toISOString() : typeof x; }`;

const aggregateOf = (result: string): string =>
  `function main() { this.init = () => {}; this.accumulate = () => {}; this.computeResult = () => ${result}; }`;
const DAY = "new Date('2026-01-02T00:00:00.125Z')";

describe('a number that a function returns', () => {
  test('has the type of its value', async () => {
    const CASES = [
      ['0.5', 'float', '1.5'],
      ['-0', 'bigint', '1'],
      ['2 ** 60', 'bigint', '1152921504606846977'],
      ['-(2 ** 63)', 'bigint', '-9223372036854775807'],
      ['2 ** 63', 'float', '9.223372036854776e+18'],
      ['1e19', 'float', '1e+19'],
      ['1e20', 'float', '1e+20'],
      ['-1e300', 'float', '-1e+300'],
    ] as const;
    const scripts: Record<string, string> = { id: 'function id(x) { return x; }' };
    for (const [i, [number]] of CASES.entries()) {
      scripts[`n${i}`] = `function main() { return ${number}; }`;
      scripts[`r${i}`] = `function main() { return { n: ${number}, o: { n: ${number} }, l: [${number}] }; }`;
    }
    const read = CASES.map((_, i) => `udf.n${i}() AS n${i}, udf.r${i}() AS r${i}`);
    const selected = CASES.map(
      (_, i) => `GetType(n${i}) AS own${i}, GetType(r${i}.n) AS field${i}, GetType(r${i}.o.n) AS inner${i},
        GetType(GetArrayElement(r${i}.l, 0)) AS element${i}, GetType(udf.id(r${i}.n)) AS passed${i},
        TRY_CAST(r${i}.n + 1 AS nvarchar(max)) AS sum${i}`,
    );
    const query = `WITH s AS (SELECT ${read.join(', ')} FROM i) SELECT ${selected.join(', ')} FROM s`;
    const [row = ''] = await rowsOf(query, scripts);
    const types = ['own', 'field', 'inner', 'element', 'passed'];
    expect(JSON.parse(row)).toEqual(
      Object.fromEntries(
        CASES.flatMap(([, type, sum], i) => [
          ...types.map((name) => [`${name}${i}`, type]),
          [`sum${i}`, sum],
        ]),
      ),
    );
  });

  test('is a float, if rounding leaves the range of bigint', async () => {
    expect(await rowOf('GetType(udf.id(n)) AS a', '0', { n: 2 })).toEqual({ a: 'bigint' });
    expect(await rowOf('GetType(udf.id(9223372036854775807)) AS a', '0')).toEqual({ a: 'float' });
  });

  test('is null if JSON has no such number', async () => {
    expect(await rowOf('r', '[NaN, Infinity]')).toEqual({ r: [null, null] });
    expect(await rowOf('r', 'NaN')).toEqual({ r: null });
  });
});

test('JSON with an integer beyond bigint is not converted', async () => {
  const json = { t1: '{"a":9223372036854775808}', t2: '[1e19, 9223372036854775807]' };
  const selected = 'JSON_PARSE(t1) AS a, TRY_CAST(t1 AS record) AS b, JSON_PARSE(t2) AS c';
  expect(await rowOf(selected, '0', json)).toEqual({
    a: null,
    b: null,
    c: [1e19, Number('9223372036854775807')],
  });
});

describe('a text that a function returns', () => {
  test('with half a surrogate pair has U+FFFD, as texts of events do', async () => {
    const half = String.raw`'\ud83d'`;
    expect(await rowOf('r', half)).toEqual({ r: '\uFFFD' });
    expect(await rowOf('r', `{ [${half} + 'a']: [${half}, '😀'] }`)).toEqual({
      r: { '\uFFFDa': ['\uFFFD', '😀'] },
    });
    expect(await rowOf('r', `new String('a')`)).toEqual({ r: 'a' });
  });
});

describe('a Date that a function returns', () => {
  test('is a datetime', async () => {
    const row = await rowOf(
      'r, GetType(r) AS type, udf.seen(r) AS seen, udf.seen(udf.id(r)) AS again, DATEADD(day, 1, r) AS later, TRY_CAST(r AS nvarchar(max)) AS text',
      DAY,
    );
    expect(row).toEqual({
      r: '2026-01-02T00:00:00.1250000Z',
      type: 'datetime',
      seen: 'Date 2026-01-02T00:00:00.125Z',
      again: 'Date 2026-01-02T00:00:00.125Z',
      later: '2026-01-03T00:00:00.1250000Z',
      text: '2026-01-02T00:00:00.1250000Z',
    });
  });

  test('is a text with 7 decimals inside a record', async () => {
    const row = await rowOf('r, GetType(r.d) AS type', `{ d: ${DAY}, l: [${DAY}] }`);
    const text = '2026-01-02T00:00:00.1250000Z';
    expect(row).toEqual({ r: { d: text, l: [text] }, type: 'nvarchar(max)' });
  });

  test('is null if no datetime is such a date', async () => {
    expect(await rowOf('r', '[new Date(NaN), new Date(8e15)]')).toEqual({ r: [null, null] });
    expect(await rowOf('r', 'new Date(NaN)')).toEqual({ r: null });
  });

  test('cannot be imitated by a text', async () => {
    const text = String.raw`2026-01-02T00:00:00.1250000\u005a`;
    const row = await rowOf(
      'GetType(r) AS a, GetType(u) AS b, udf.seen(u) AS c',
      String.raw`'2026-01-02T00:00:00.1250000Z'`,
      {
        u: text,
      },
    );
    expect(row).toEqual({ a: 'nvarchar(max)', b: 'nvarchar(max)', c: 'string' });
  });

  test('equals the same datetime in groups and comparisons', async () => {
    const rows = await rowsOf(
      `WITH s AS (SELECT udf.r() AS r, t FROM i), g AS (SELECT r, COUNT(*) AS n, MAX(r) AS m, uda.a(r) AS seen FROM s GROUP BY r, TumblingWindow(minute, 1))
       SELECT r, n, GetType(m) AS type, seen FROM g WHERE r = m AND r = '2026-01-02T00:00:00.1250000Z'`,
      {
        r: `function main() { return ${DAY}; }`,
        a: `function main() {
          this.init = () => { this.seen = ''; };
          this.accumulate = (value, time) => { this.seen += [value instanceof Date, time instanceof Date]; };
          this.computeResult = () => this.seen;
        }`,
      },
    );
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual([
      { r: '2026-01-02T00:00:00.1250000Z', n: 2, type: 'datetime', seen: 'true,truetrue,true' },
    ]);
  });
});

describe('a function of JavaScript', () => {
  test('gives null for undefined, also inside a record', async () => {
    expect(await rowOf('r', '{ a: undefined, l: [, 1] }')).toEqual({ r: { a: null, l: [null, 1] } });
  });

  test('gives the fields of an object, not its toJSON', async () => {
    expect(
      await rowOf('r', 'new (class A { constructor() { this.a = 1; } toJSON() { return 2; } })'),
    ).toEqual({
      r: { a: 1 },
    });
  });

  const cyclic = '(() => { const a = { b: [] }; a.b.push(a); return a; })()';
  const UNSUPPORTED: [result: string, message: string][] = [
    ['new Map()', 'its result is of the JavaScript type Map, which Stream Analytics does not have'],
    ['{ a: [new Set()] }', 'its result["a"][0] is of the JavaScript type Set'],
    [cyclic, 'its result["b"][0] contains itself'],
    ['{ get a() { throw new RangeError("no"); } }', 'RangeError: no'],
    ['new Uint8Array(2)', 'its result is of the JavaScript type Uint8Array'],
    ['1n', 'its result is of the JavaScript type BigInt'],
    ['Symbol()', 'its result is of the JavaScript type Symbol'],
    ['{ f() {} }', 'its result["f"] is of the JavaScript type Function'],
    ['Error()', 'its result is of the JavaScript type Error'],
    ['/a/', 'its result is of the JavaScript type RegExp'],
    ['[Promise.resolve(1)]', 'its result[0] is of the JavaScript type Promise'],
    ['[].values()', 'its result is of the JavaScript type Array Iterator'],
  ];
  const failure = (name: string, column: number, message: string): object => ({
    at: { line: 1, column },
    message: expect.stringContaining(`the function ${name} failed: ${message}`) as string,
  });
  testEach(4, UNSUPPORTED)('cannot return %s, which tells the place of the call', async (result, message) => {
    await expect(rowOf('r', result)).rejects.toMatchObject(failure('r', 19, message));
    const aggregate = rowsOf('SELECT uda.a(1) AS r FROM i GROUP BY TumblingWindow(minute, 1)', {
      a: aggregateOf(`(${result})`),
    });
    await expect(aggregate).rejects.toMatchObject(failure('a', 8, message));
  });

  const aggregateWithout = (method: string): string =>
    aggregateOf('1').replace(`this.${method}`, 'this.other');
  test.each([
    ['udf.a()', 'var x = 1;', 'its script defines no function a or main'],
    [
      'udf.a()',
      'async function main() {}',
      'its function main is async or a generator, so it returns no value',
    ],
    ['udf.a()', 'function* a() {}', 'its function a is async or a generator, so it returns no value'],
    [
      'uda.a(1)',
      'var main = () => {};',
      'its function main is not one that new can call: write function main()',
    ],
    ['uda.a(1)', aggregateWithout('init'), 'its script has no method init'],
    ['uda.a(1)', aggregateWithout('accumulate'), 'its script has no method accumulate'],
    ['uda.a(1)', aggregateWithout('computeResult'), 'its script has no method computeResult'],
    [
      'uda.a(1)',
      aggregateOf('1').replace('() => 1', 'async () => 1'),
      'method computeResult is async or a generator',
    ],
  ])('%s of %s is refused before the first event', async (call, script, message) => {
    const query = `SELECT ${call} AS r FROM i${call.startsWith('uda') ? ' GROUP BY TumblingWindow(minute, 1)' : ''}`;
    const created = createEngine(translate(query), DEFAULT_TIME_POLICY, new Map([['a', script]]));
    await expect(created).rejects.toThrow(`the function ${call.slice(0, 5)} cannot be used: ${message}`);
  });

  test('may have the name of one that JavaScript has', async () => {
    const rows = await rowsOf('SELECT udf.escape(1) AS r FROM i', {
      escape: 'function escape(x) { return x + 1; }',
    });
    expect(rows[0]).toContain('2');
  });
});
