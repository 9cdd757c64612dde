import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { translate } from '../../analytics/query';
import { fingerprint } from '../../analytics/state';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { propertyRuns } from '../testSize';
import { commit, into, jsonRowsOf, open } from './jobOnFile';
import { payloadsInEngine, payloadsInFile } from './model/payloadRuns';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-declared-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
  vi.restoreAllMocks();
});

/** Values that fit each type. */
const FITTING: Record<string, readonly string[]> = {
  bigint: ['1', '-7', '2.0', '1e3', '"3"', '" 2 "', 'true', '9223372036854775807'],
  float: ['1', '2.5', '-0.0', '1e300', '"3"', '".5"', 'false'],
  'nvarchar(max)': ['"x"', '""', '7', '7.0', 'true', '"a\\"b\\u00e9\\n"', '"\\ud83d\\ude00"', '{"n":1}'],
  datetime: ['"2026-01-01T00:00:01Z"', '"2026-01-01"', '"2026-01-01T00:00:00.1234567+09:00"'],
  bit: ['true', 'false', '1', '0.0', '"true"', '"0"', '"null"'],
  record: ['{}', '{"d":{"e":null},"D":[1.50,"x"]}'],
  array: ['[]', '[1,"x",null,{"a":1.0}]'],
};
const MISFITS = ['7.9', '"x"', '{}', '[]', '1e999', '"2026-02-30"', '""', '9e18'];
const TYPES = Object.keys(FITTING);

interface Declared {
  /** names with types, as CREATE TABLE writes them */
  columns: readonly (readonly [name: string, type: string])[];
  payloads: readonly string[];
}

/** More columns than are converted one by one. */
const NAMES = [
  'a',
  'Big',
  'c d',
  "it's",
  '7',
  'x/y~z',
  'é',
  ...Array.from({ length: 20 }, (_, i) => `n${i}`),
];

const inputs: fc.Arbitrary<Declared> = fc
  .tuple(
    fc.constantFrom(1, 3, 7, NAMES.length),
    fc.array(fc.constantFrom(...TYPES), { minLength: 27, maxLength: 27 }),
  )
  .chain(([count, types]) => {
    const columns = NAMES.slice(0, count).map((name, i) => [name, types[i] ?? 'record'] as const);
    const field = ([name, type]: readonly [string, string]): fc.Arbitrary<string> =>
      fc
        .tuple(
          fc.oneof(
            { weight: 40, arbitrary: fc.constantFrom(...(FITTING[type] ?? [])) },
            { weight: 8, arbitrary: fc.constantFrom('', 'null') },
            { weight: 1, arbitrary: fc.constantFrom(...MISFITS) },
          ),
          fc.constantFrom(name, name, name, name.toUpperCase()),
        )
        .map(([value, written]) => (value === '' ? '' : `${JSON.stringify(written)}:${value}`));
    const payload = fc
      .tuple(...columns.map(field))
      .map((fields) => fields.filter((one) => one !== '').join(','));
    return fc.array(payload, { minLength: 1, maxLength: 8 }).map((payloads) => ({
      columns,
      payloads: payloads.map(
        (fields, i) =>
          `{${fields === '' ? '' : `${fields},`}"t":"2026-01-01T00:00:${String(i).padStart(2, '0')}Z","k":${i % 2}}`,
      ),
    }));
  });

/** Ways to use whole records of `from`: an input with TIMESTAMP BY, or a step with the same columns. */
const USES: readonly ((from: string, by: string) => string)[] = [
  (from, by) => `SELECT * FROM ${from}${by}`,
  (from, by) => `SELECT l.* FROM ${from} AS l${by}`,
  (from, by) => `SELECT k AS key, * FROM ${from}${by} WHERE k = 1`,
  (from, by) => `SELECT * FROM ${from}${by} UNION SELECT * FROM ${from}${by}`,
  (from, by) =>
    `SELECT TopOne() OVER (ORDER BY k DESC, t) AS r FROM ${from}${by} GROUP BY TumblingWindow(second, 4)`,
  (from, by) =>
    `SELECT Collect() AS r, CollectTop(2) OVER (ORDER BY t DESC) AS s FROM ${from}${by} GROUP BY k, TumblingWindow(second, 4)`,
  (from, by) => `SELECT t, LAG(*) OVER (PARTITION BY k LIMIT DURATION(second, 10)) AS r FROM ${from}${by}`,
  (from, by) =>
    `SELECT l.t, r.* FROM ${from} l${by} JOIN ${from} r${by} ON DATEDIFF(second, l, r) BETWEEN 0 AND 2`,
  (from, by) =>
    `SELECT l.t AS at, r.* FROM ${from} l${by} LEFT JOIN ${from} r${by} ON DATEDIFF(second, l, r) BETWEEN 1 AND 2 AND r.k = 1`,
];

describe('a whole record has the same values as the columns that are read by name', () => {
  test('for any types and values, on files and in batches', { timeout: 3_600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        inputs,
        fc.nat(8),
        fc.constantFrom(...USES),
        async ({ columns, payloads }, cut, use) => {
          const all = [...columns, ['t', 'datetime'], ['k', 'bigint']] as const;
          const table = `CREATE TABLE i (${all.map(([name, type]) => `[${name}] ${type}`).join(', ')}) `;
          const names = all.map(([name]) => `[${name}]`).join(', ');
          const byName = `${table} WITH e AS (SELECT ${names} FROM i TIMESTAMP BY t) ${use('e', '')}`;
          const expected = await payloadsInFile(byName, payloads);
          const batches = [payloads.slice(0, cut), payloads.slice(cut)];
          expect(await payloadsInEngine(byName, batches), byName).toEqual(expected);
          for (const whole of [
            `${table} ${use('i', ' TIMESTAMP BY t')}`,
            `${table} WITH e AS (SELECT * FROM i TIMESTAMP BY t) ${use('e', '')}`,
          ]) {
            expect(await payloadsInFile(whole, payloads), whole).toEqual(expected);
            expect(await payloadsInEngine(whole, batches), whole).toEqual(expected);
          }
        },
      ),
      propertyRuns(2, 15, 7),
    );
  });
});

/** The rows of a run of the command. @param files contents by name: `i…` of events, `r…` of reference data */
async function rows(query: string, files: Readonly<Record<string, string>>): Promise<unknown[]> {
  const [asaql, output] = [join(folder, 'q.asaql'), join(folder, 'rows.ndjson')];
  await writeFile(asaql, query);
  const flags: string[] = [];
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content);
    flags.push(name.startsWith('i') ? '--input' : '--reference', join(folder, name));
  }
  await main([...flags, '--query', asaql, '--output', output]);
  const text = await readFile(output, 'utf8');
  return text.split('\n').flatMap((row) => (row === '' ? [] : [JSON.parse(row) as unknown]));
}

/** With as many further columns as are converted in another way. */
const withMore = (table: string): string =>
  table.replace(/\)\s*$/, `, ${Array.from({ length: 20 }, (_, i) => `more${i} float`).join(', ')})`);
const MORE = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`more${i}`, null]));

describe.each([
  ['few', (table: string) => table, {}],
  ['many', withMore, MORE],
] as const)('with %s declared columns', (_, tableOf, more) => {
  const TABLE = tableOf('CREATE TABLE i (id bigint, f float, t datetime, s nvarchar(max), b bit)');
  const ABSENT = { f: null, t: null, s: null, b: null, ...more };

  test('a whole record has the types, the names as written, and null where the event has nothing', async () => {
    const events = ['{"ID":"1","f":2,"t":"2026-01-01","s":7,"b":1}', '{"id":2.0}', '{"Id":3,"id":4,"id":5}'];
    expect(await rows(`${TABLE} SELECT * FROM i`, { 'i.json': events.join('\n') })).toEqual([
      { id: 1, f: 2, t: '2026-01-01T00:00:00.0000000Z', s: '7', b: true, ...more },
      { id: 2, ...ABSENT },
      { id: 4, ...ABSENT },
    ]);
  });

  // The page says nothing of such fields, so they stay as they are.
  test('a whole record has the fields that are not declared behind the others', async () => {
    const events = '{"x":{"ID":"1"},"id":"1","more":[1.5,"2"],"n":null}\n{"id":2,"it\'s \\"/~":3}';
    expect(await rows(`${TABLE} SELECT * FROM i`, { 'i.json': events })).toEqual([
      { id: 1, ...ABSENT, x: { ID: '1' }, more: [1.5, '2'], n: null },
      { id: 2, ...ABSENT, 'it\'s "/~': 3 },
    ]);
  });

  // "Conversion without precision loss … is always successful", "type conversion errors … cause the job to drop the
  // event" (data types)
  test('an event that loses something is dropped', async () => {
    const CASES = [
      ['{"id":7.9}', false],
      ['{"id":-0.5}', false],
      ['{"id":7.0}', true],
      ['{"id":9.3e18}', false],
      ['{"id":"7.0"}', false],
      ['{"f":1e999}', false],
      ['{"f":"1e999"}', false],
      ['{"f":9007199254740993}', true],
      ['{"b":"null"}', true],
      ['{"b":"maybe"}', false],
      ['{"t":1}', false],
    ] as const;
    const told = vi.spyOn(console, 'error').mockReturnValue();
    const events = CASES.map(([event], n) => event.replace('{', `{"case":${n},`)).join('\n');
    const fitting = CASES.flatMap(([event, fits], n) => (fits ? [[n, event]] : []));
    for (const selected of ['*', 'id, [case]']) {
      const found = await rows(`${TABLE} SELECT ${selected} FROM i`, { 'i.json': events });
      expect(found.map((row) => (row as { case: number }).case).map((n) => [n, CASES[n]?.[0]])).toEqual(
        fitting,
      );
      expect(told.mock.lastCall?.[0]).toContain(
        `${CASES.length - fitting.length} of ${CASES.length} events dropped`,
      );
    }
  });

  test('CSV has numbers', async () => {
    const csv = 'id,F,s,other\n1,2.5,3,4\n2,,,\nx,1,1,1\n';
    vi.spyOn(console, 'error').mockReturnValue();
    expect(await rows(`${TABLE} SELECT * FROM i`, { 'i.csv': csv })).toEqual([
      { id: 1, ...ABSENT, f: 2.5, s: '3', other: '4' },
      { id: 2, ...ABSENT, other: null },
    ]);
  });

  test('reference data has the types, and null in a row without a match', async () => {
    const reference = tableOf('CREATE TABLE r (key bigint, [Name "x"] nvarchar(max), price float)');
    const query = `${reference} SELECT i.id, r.*, r.price + 1 AS next FROM i LEFT JOIN r ON i.id = r.KEY`;
    const files = {
      'i.json': '{"id":1}\n{"id":2}\n{"id":3}',
      'r.csv': 'KEY,"Name ""x""",price\n1,7,2\n2,a,x\n',
    };
    expect(await rows(query, files)).toEqual([
      { id: 1, key: 1, 'Name "x"': '7', price: 2, next: 3, ...more },
      { id: 2, key: null, 'Name "x"': null, price: null, next: null, ...more },
      { id: 3, key: null, 'Name "x"': null, price: null, next: null, ...more },
    ]);
    const inStep = `${reference} WITH s AS (SELECT * FROM r) SELECT i.id, s.* FROM i LEFT JOIN s ON i.id = s.key`;
    expect(await rows(inStep, files)).toEqual([
      { id: 1, key: 1, 'Name "x"': '7', price: 2, ...more },
      { id: 2, key: null, 'Name "x"': null, price: null, ...more },
      { id: 3, key: null, 'Name "x"': null, price: null, ...more },
    ]);
  });

  test('properties of the input are not null because CREATE TABLE names them', async () => {
    const table = tableOf('CREATE TABLE i (id bigint, IoTHub record, PartitionId bigint)');
    expect(await rows(`${table} SELECT * FROM i`, { 'i.json': '{"id":"1"}' })).toEqual([{ id: 1, ...more }]);
  });

  test('a job continues after a restart, but not with other types', async () => {
    const queryOf = (type: string): string =>
      `${tableOf(`CREATE TABLE i (id ${type}, t datetime)`)} SELECT LAG(*) OVER (LIMIT DURATION(minute, 1)) AS r FROM i TIMESTAMP BY t`;
    const plan = translate(queryOf('bigint'));
    const file = join(folder, `${tableOf('x)').length}.duckdb`);
    for (const id of [1, 2]) {
      const job = await open(plan, file);
      const body = JSON.stringify({ id: String(id), t: `2026-01-01T00:00:0${id}Z` });
      await commit(job, new Map([['0', id]]), (outputs) =>
        job.engine.process(
          'i',
          [{ body, enqueuedUs: Date.UTC(2026, 0, 1) * 1e3, partitionId: 0, sequenceNumber: id }],
          into(outputs),
        ),
      );
      if (id === 2) {
        await commit(job, new Map(), (outputs) => job.engine.advance(Infinity, into(outputs)));
        const stored = (await jsonRowsOf(job, plan)).map((row) => JSON.parse(row) as unknown);
        expect(stored).toContainEqual({
          r: expect.objectContaining({ id: 1, t: '2026-01-01T00:00:01.0000000Z', ...more }),
        });
      }
      job.engine.close();
    }
    const printOf = (query: string): string =>
      fingerprint(translate(query), DEFAULT_TIME_POLICY, new Map(), 'hub');
    expect(printOf(queryOf('float'))).not.toBe(printOf(queryOf('bigint')));
    const joined = (type: string): string =>
      `${tableOf(`CREATE TABLE r (id ${type})`)} SELECT r.* FROM i JOIN r ON i.id = r.id`;
    expect(printOf(joined('float'))).not.toBe(printOf(joined('bigint')));
  });
});

test('a column that CREATE TABLE defines twice is an error', () => {
  expect(() => translate('CREATE TABLE i (a bigint, A float) SELECT * FROM i')).toThrow(
    "CREATE TABLE defines the column 'A' twice: remove one of the definitions",
  );
});

test('the SQL of many declared columns hardly grows with their number', () => {
  const lengthOf = (count: number): number => {
    const columns = Array.from({ length: count }, (_, i) => `c${String(i).padStart(3, '0')} datetime`);
    const [source] = translate(`CREATE TABLE i (${columns.join(', ')}) SELECT * FROM i`).sources;
    return source?.fields.fitting('raw').length ?? 0;
  };
  // Only the names: in four lists, and in the nulls.
  expect((lengthOf(600) - lengthOf(300)) / 300).toBeLessThan(120);
});
