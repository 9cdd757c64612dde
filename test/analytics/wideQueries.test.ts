import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { runFiles } from '../../analytics/fileRun';
import { readMemory } from '../../analytics/memory';
import { viewsOf } from '../../analytics/slices';
import { translate } from '../../analytics/query';
import { structureOf } from '../../analytics/query/payloadStructure';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { testEach } from '../testSize';

async function inJob(query: string, bodies: readonly string[]): Promise<unknown[]> {
  const engine = await createEngine(translate(query), DEFAULT_TIME_POLICY);
  const rows: unknown[] = [];
  try {
    const events = bodies.map((body) => ({ body, enqueuedUs: undefined }));
    await engine.process('i', events, async ({ rowsSql }) => {
      const read = await engine.connection.runAndReadAll(rowsSql);
      rows.push(...read.getRowsJson().map(([row]) => JSON.parse(row as string)));
    });
  } finally {
    engine.close();
  }
  return rows;
}

async function onFile(query: string, bodies: readonly string[]): Promise<unknown[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-wide-'));
  try {
    const [input, output] = [join(folder, 'in.ndjson'), join(folder, 'out.ndjson')];
    await writeFile(input, bodies.map((body) => `${body}\n`).join(''));
    const plan = translate(query);
    await runFiles({
      plan,
      policy: DEFAULT_TIME_POLICY,
      inputs: new Map([['i', [input]]]),
      references: new Map(),
      outputs: new Map([[plan.outputs[0]?.table ?? '', output]]),
    });
    return (await readFile(output, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const list = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));

const RECORDS = [
  '{"f0":1,"f1":"two","f2":{"x":3},"f3":[4],"f4":true}',
  '{"F0":1,"f1":null,"F1":"not this","f2":null}',
  '{"f0":null,"F0":2}',
  '{"\\u0066\\u0030":"escaped","f3":"\\"f4\\""}',
  '{"f0":1,"f0":2,"F2":"other case","f2":"own case"}',
  '{"f2":"own case","F2":"other case","f119":1.5}',
  '{}',
];
const FEW = ['f0', 'f1', 'f2', 'f3', 'f4', 'f119'];

const selected = (names: readonly string[], prefix: string): string =>
  `SELECT ${names.map((one) => `${prefix}${one} AS ${one}`).join(', ')} INTO o FROM i`;

test.each([
  ['of an event', '', RECORDS],
  [
    'of a record in an event',
    'r.',
    [...RECORDS.map((one) => `{"r":${one}}`), '{"R":{"F0":7}}', '{"r":5}', '{"r":[1]}'],
  ],
])('many fields %s are read as few are', async (_, prefix, bodies) => {
  const many = selected(
    list(120, (i) => `f${i}`),
    prefix,
  );
  const few = selected(FEW, prefix);
  for (const run of [inJob, onFile]) {
    const expected = await run(few, bodies);
    const rows = (await run(many, bodies)) as Record<string, unknown>[];
    expect(rows.map((row) => Object.fromEntries(FEW.map((name) => [name, row[name]])))).toEqual(expected);
    expect(Object.keys(rows[0] ?? {})).toHaveLength(120);
  }
});

test('the time of events is one of many fields', async () => {
  const names = list(120, (i) => `f${i}`);
  const query = `SELECT ${names.join(', ')}, System.Timestamp() AS t INTO o FROM i TIMESTAMP BY s WHERE f1 > 0`;
  const time = '2026-01-01T00:00:00.0000000Z';
  const bodies = ['{"f1":1,"s":"2026-01-01T00:00:00Z"}', '{"f1":1,"S":"2026-01-01T00:00:00Z"}'];
  for (const run of [inJob, onFile]) {
    const rows = (await run(query, bodies)) as Record<string, unknown>[];
    expect(rows.map(({ f1, t }) => [f1, t])).toEqual([
      [1, time],
      [1, time],
    ]);
  }
});

test('many fields are read of lines that are malformed, too', async () => {
  const query = selected(
    list(120, (i) => `f${i}`),
    '',
  );
  const rows = (await onFile(query, ['{"f1":1}', '{"f1":', '{"F1":2}'])) as Record<string, unknown>[];
  expect(rows.map(({ f1 }) => f1)).toEqual([1, 2]);
});

test('many fields of an event and of two records in it are read together', async () => {
  const names = list(110, (i) => `f${i}`);
  const query = `SELECT ${['', 'f1.', 'f1.f2.'].flatMap((prefix) => names.map((one) => `${prefix}${one} AS ${prefix.replaceAll('.', '_')}${one}`)).join(', ')} INTO o FROM i`;
  const bodies = ['{"f0":1,"f1":{"f0":2,"F2":{"f109":3}},"f3":4}'];
  for (const run of [inJob, onFile]) {
    const [row] = (await run(query, bodies)) as Record<string, unknown>[];
    expect(Object.entries(row ?? {}).filter(([, value]) => value !== null)).toEqual([
      ['f0', 1],
      ['f1', { f0: 2, F2: { f109: 3 } }],
      ['f3', 4],
      ['f1_f0', 2],
      ['f1_f2', { f109: 3 }],
      ['f1_f2_f109', 3],
    ]);
  }
});

test('the search for names in another case is planned once for many fields', () => {
  const [source] = translate(
    selected(
      list(1_000, (i) => `f${i}`),
      '',
    ),
  ).sources;
  for (const sql of [source?.fields.select('rows'), source?.fields.selectObjects('rows', undefined, 'exact')])
    expect(sql?.match(/asa_(?:plain_)?field\(/g)).toHaveLength(1);
});

const values = (count: number, of: (i: number) => string): string => list(count, of).join(' ');
const BODIES = [
  '{"a":1}',
  '{"a":3}',
  '{"a":"v3"}',
  '{"a":500}',
  '{"a":3.0}',
  '{"a":null}',
  '{"b":1}',
  '{"a":true}',
];

testEach<[string, string, number]>(2, [
  ['AND', `WHERE a >= 0 ${values(300, (i) => `AND a <> ${i + 100}`)}`, 5],
  ['OR', `WHERE a = 3 ${values(300, (i) => `OR a = ${i + 400}`)}`, 3],
  ['IN', `WHERE a IN (${list(300, (i) => i + 3).join(', ')}, 'v3')`, 3],
  ['NOT IN', `WHERE a NOT IN (${list(300, (i) => i + 10).join(', ')})`, 5],
  ['CASE', `WHERE CASE ${values(300, (i) => `WHEN a = ${i} THEN ${i}`)} ELSE -1 END = 3`, 2],
])('a long %s converts a field once', async (_, where, rows) => {
  const query = `SELECT a INTO o FROM i ${where}`;
  const [node] = translate(query).nodes;
  expect(node?.sql.match(/asa_int\("i"\.field_1\)/g)).toHaveLength(1);
  for (const run of [inJob, onFile]) expect(await run(query, BODIES)).toHaveLength(rows);
});

test('a text that looks like a conversion stays in a long condition', async () => {
  const text = 'asa_int(x) and asa_int("i".field_1)';
  const query = `SELECT a INTO o FROM i WHERE a = '${text}' ${values(300, (i) => `OR a = ${i + 400}`)}`;
  expect(await inJob(query, [...BODIES, JSON.stringify({ a: text })])).toEqual([{ a: 500 }, { a: text }]);
});

test('a name that looks like a conversion stays in a long condition', async () => {
  const column = 'asa_int(x)';
  const query = `WITH s AS (SELECT a AS [${column}] FROM i) SELECT [${column}] INTO o FROM s WHERE [${column}] = 500 ${values(100, () => `AND [${column}] IS NOT NULL`)}`;
  expect(await inJob(query, BODIES)).toEqual([{ [column]: 500 }]);
});

test('a join with a long condition still has its equality for itself', () => {
  const query = `SELECT l.a INTO o FROM i AS l JOIN i AS r ON l.a = r.a AND DATEDIFF(minute, l, r) BETWEEN 0 AND 1 ${values(100, (i) => `AND l.a <> ${i}`)}`;
  const joined = translate(query).nodes.find(({ sql }) => sql.includes(' JOIN '));
  expect(joined?.sql).toMatch(/ AND \(asa_key\("l"\.field_1\) = asa_key\("r"\.field_1\)\)/);
  expect(joined?.sql.match(/asa_int\("l"\.field_1\)/g)).toHaveLength(1);
});

test('a long chain of steps is computed in parts', async () => {
  const steps = list(40, (i) => `s${i + 1} AS (SELECT a FROM s${i} WHERE a <> ${i + 10})`);
  const query = `WITH s0 AS (SELECT a FROM i), ${steps.join(', ')} SELECT a INTO o FROM s40`;
  const plan = translate(query);
  const views = viewsOf(plan);
  const tables = plan.nodes.flatMap(({ table }, i) => (views.has(table) ? [] : [i]));
  expect(tables.length).toBeGreaterThan(3);
  expect(Math.max(...tables.map((at, i) => at - (tables[i - 1] ?? 0)))).toBeLessThan(10);
  expect(await onFile(query, BODIES)).toHaveLength(5);
});

test.each([
  ['4GB', 4e9],
  ['512 MiB', 512 * 2 ** 20],
  ['1.5gb', 1.5e9],
])('--memory %s is an amount', (text, bytes) => {
  expect(readMemory(text)).toBe(bytes);
});

test.each(['', '4', '-4GB', '80%', '1MB', 'GB', '99999999999TB'])('--memory %j is refused', (text) => {
  expect(() => readMemory(text)).toThrow(/^--memory/);
});

test('--memory with a number beyond all numbers is refused', () => {
  expect(() => readMemory(`${'9'.repeat(400)}GB`)).toThrow(/is too much: the most is 1000TB$/);
});

/** Names that are also indexes of an array in a JSON pointer. */
const NUMBERS = [
  '{"a":[10,20],"rec":{"a":[[30],40],"-":1}}',
  '{"a":{"0":1,"-":2},"rec":{"a":{"1":3,"0":{"0":4}}}}',
  '{"A":{"0":5},"REC":{"A":{"1":6}}}',
  '{"a":[{"0":7}],"0":8,"rec":[{"a":[9]}]}',
];
const FOUND = [
  { z: null, m: null, n: null, d: null, o: null, k: null },
  { z: 1, m: 2, n: 3, d: 4, o: null, k: 1 },
  { z: 5, m: null, n: 6, d: null, o: null, k: 5 },
  { z: null, m: null, n: null, d: null, o: 8, k: null },
];
const READ =
  "a.[0] AS z, a.[-] AS m, rec.a.[1] AS n, rec.a.[0].[0] AS d, i.[0] AS o, GetRecordPropertyValue(a, '0') AS k";

testEach(2, [
  ['of an event', `SELECT ${READ} INTO o FROM i`],
  [
    'of an event, in which the array is read, too',
    `WITH s AS (SELECT ${READ}, a, rec FROM i) SELECT z, m, n, d, o, k INTO o FROM s`,
  ],
  ['of a step', `WITH i2 AS (SELECT * FROM i) SELECT ${READ.replace('i.[0]', 'i2.[0]')} INTO o FROM i2`],
  [
    'of a record in a step',
    `WITH s AS (SELECT a, rec, i.[0] AS o FROM i) SELECT ${READ.replace('i.[0] AS o', 'o')} INTO o FROM s`,
  ],
])('a number as a name reads a field and no element: %s', async (_, query) => {
  for (const run of [inJob, onFile]) expect(await run(query, NUMBERS)).toEqual(FOUND);
});

test('an element is read by GetArrayElement', async () => {
  const query = 'SELECT GetArrayElement(a, 1) AS e INTO o FROM i';
  for (const run of [inJob, onFile])
    expect(await run(query, NUMBERS)).toEqual([20, null, null, null].map((e) => ({ e })));
});

test('the effort to describe the values of many records grows with their number', () => {
  const reads = (count: number): number => {
    let found = 0;
    const readings = list(count, (i) => ({
      asText: i < 2,
      get path() {
        found += 1;
        return [`r${i}`, 'x'];
      },
    }));
    structureOf(readings, 'found');
    return found;
  };
  // Sorting takes n log n.
  expect(reads(1_000)).toBeLessThan(15 * reads(100));
});
