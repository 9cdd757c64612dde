import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { runFiles } from '../../analytics/fileRun';
import { translate } from '../../analytics/query';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-bounds-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function rowsOf(query: string, bodies: readonly string[]): Promise<unknown[]> {
  const engine = await createEngine(translate(query), DEFAULT_TIME_POLICY);
  const rows: unknown[] = [];
  try {
    await engine.process(
      'i',
      bodies.map((body) => ({ body, enqueuedUs: undefined })),
      async ({ rowsSql }) => {
        const read = await engine.connection.runAndReadAll(rowsSql);
        rows.push(...read.getRowsJson().map(([row]) => row));
      },
    );
  } finally {
    engine.close();
  }
  return rows;
}

describe('a regular expression', () => {
  test.each(['(x?){1000}', 'x'.repeat(6_000), '(\\p{L}{30}){30}'])(
    'that is too large is refused: %#',
    (pattern) => {
      expect(() => translate(`SELECT REGEXMATCH(a, '${pattern}') AS x FROM i`)).toThrow(
        /^the pattern of REGEXMATCH is too large: .* must not exceed 5000$/,
      );
    },
  );

  // An identifier of a device, an IPv6 address, and counts of which only one is of a group.
  const USUAL = [
    '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$',
    '^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$',
    '^(\\d{1,3}\\.){3}\\d{1,3}:\\d{2,5}$',
  ];
  const MATCHED = ['01234567-89ab-cdef-0123-456789abcdef', '2001:db8:0:0:0:0:0:1', '10.0.0.1:8080'];

  test.each(USUAL)('of usual size is taken: %s', async (pattern) => {
    const at = USUAL.indexOf(pattern);
    const bodies = MATCHED.map((a) => JSON.stringify({ a, b: pattern }));
    const expected = MATCHED.map((_, i) => JSON.stringify({ x: Number(i === at), y: Number(i === at) }));
    const query = `SELECT REGEXMATCH(a, '${pattern}') AS x, REGEXMATCH(a, b) AS y FROM i`;
    expect(await rowsOf(query, bodies)).toEqual(expected);
  });

  test('has a size that nested groups multiply', async () => {
    const nested = ['((x{9}y){9}){9}', '(((x{9})\\Q\\E{9})\\Q\\E{9})'];
    for (const pattern of nested)
      expect(() => translate(`SELECT REGEXMATCH(a, '${pattern}') AS x FROM i`)).toThrow('is too large');
    const bodies = nested.map((b) => JSON.stringify({ a: 'xx', b }));
    expect(await rowsOf('SELECT REGEXMATCH(a, b) AS x FROM i', bodies)).toEqual(['{"x":null}', '{"x":null}']);
  });

  test('of an event gives null where it is too large', async () => {
    const patterns = [
      'x{2}',
      '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}$',
      '(\\d{1,3}\\.){3}\\d',
      '(x?){1000}',
      '\\p{L}{30}',
      'x{',
    ];
    const rows = await rowsOf(
      'SELECT REGEXMATCH(a, b) AS x FROM i',
      patterns.map((b) => JSON.stringify({ a: 'xx', b })),
    );
    expect(rows).toEqual([1, 0, 0, null, null, 0].map((x) => JSON.stringify({ x })));
  });
});

test('a LIKE pattern takes no time that grows with a power of the text', async () => {
  // By backtracking, this would take minutes.
  const body = JSON.stringify({ a: 'a'.repeat(2_000) });
  const query = "SELECT CASE WHEN a LIKE '%a_%a_%a_%a_%b' THEN 1 ELSE 0 END AS x FROM i";
  expect(await rowsOf(query, [body])).toEqual(['{"x":0}']);
});

test.each([
  ['LIKE', (pattern: string) => `CASE WHEN a LIKE '${pattern}' THEN 1 ELSE 0 END`],
  ['PATINDEX', (pattern: string) => `PATINDEX('${pattern}', a)`],
])('a literal pattern of %s that is too long is refused', (_, use) => {
  expect(() => translate(`SELECT ${use('_'.repeat(4_000))} AS x FROM i`)).not.toThrow();
  expect(() => translate(`SELECT ${use('_'.repeat(4_001))} AS x FROM i`)).toThrow(
    /^the pattern is too long: it has 4001 characters, but must not exceed 4000$/,
  );
});

test('a LIKE pattern of an event gives null where it is too long', async () => {
  const bodies = [2_000, 2_001].map((length) => JSON.stringify({ a: 'x', b: '%'.repeat(length) }));
  const query = 'SELECT CASE WHEN a LIKE b THEN 1 WHEN NOT (a LIKE b) THEN 0 END AS x FROM i';
  expect(await rowsOf(query, bodies)).toEqual(['{"x":1}', '{"x":null}']);
});

test('a float beyond its range has no text', async () => {
  const query = `SELECT CAST(CAST(a AS float) * 10 AS nvarchar(max)) AS x, CONCAT('t', CAST(a AS float) * 10) AS y,
    CAST(b AS nvarchar(max)) AS z FROM i`;
  expect(await rowsOf(query, ['{"a":1e308,"b":1e999}'])).toEqual(['{"x":null,"y":"t","z":null}']);
});

test('the least bigint modulo -1 is 0', async () => {
  const query =
    'SELECT a % -1 AS x, a % b AS y, TRY_CAST(a AS bigint) % TRY_CAST(b AS bigint) AS z, -9223372036854775808 % -1 AS c, a % 0 AS n FROM i';
  expect(await rowsOf(query, ['{"a":-9223372036854775808,"b":-1}'])).toEqual([
    '{"x":0,"y":0,"z":0,"c":0,"n":null}',
  ]);
});

/** What DuckDB reads as JSON, and RFC 8259 does not. */
const LOOSE = [
  ...['{"v":1,}', '{"v":1 , }', '{"v":[1,],"w":2}', '{"v":NaN}', '{"v":nan}', '{"v":-Infinity}'],
  ...['{"v":[inf]}', '[{"v":1},]', '{"v": -INF}'],
];
/** Texts may hold all of it. */
const STRICT = ['{"v":",}"}', '{"v":"a, ]","w":": NaN"}', '{"v":"\\",}"}', '{"info":"-inf","v":":nan"}'];

describe('what only looks like JSON is dropped as malformed', () => {
  const plan = (): ReturnType<typeof translate> => translate('SELECT v FROM i');
  const lines = [...LOOSE, ...STRICT];

  test('by the live job', async () => {
    const engine = await createEngine(plan(), DEFAULT_TIME_POLICY);
    await engine.process(
      'i',
      lines.map((body) => ({ body, enqueuedUs: undefined })),
      () => Promise.resolve(),
    );
    const { malformed } = engine.counts;
    engine.close();
    expect(malformed).toBe(LOOSE.length);
  });

  test.each([
    ['lines', 'ndjson', () => lines.join('\n')],
    [
      'messages of the feed',
      'ndjson',
      () =>
        lines
          .map((body, i) =>
            JSON.stringify({
              partitionId: '0',
              sequenceNumber: i,
              enqueuedTimeUtc: '2026-01-01T00:00:00Z',
              body,
            }),
          )
          .join('\n'),
    ],
  ])('in a file of %s', async (name, suffix, content) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.${suffix}`);
    await writeFile(file, content());
    const { malformed } = await runFiles({
      plan: plan(),
      policy: DEFAULT_TIME_POLICY,
      inputs: new Map([['i', [file]]]),
      references: new Map(),
      outputs: new Map(),
    });
    expect(malformed).toBe(LOOSE.length);
  });

  test('by the live job, in no time that grows with a power of an unclosed text', async () => {
    // From each quote anew, looking for the end of the text would take most of a minute.
    const unclosed = `,}"${'\\"'.repeat(128_000)}`;
    expect(await rowsOf('SELECT v FROM i', [unclosed, `${unclosed}\\`, '{"v":1}'])).toEqual(['{"v":1}']);
  }, 20_000);

  test('by conversions of a text', async () => {
    const alone = ['NaN', 'nan', 'Infinity', 'inf', '-inf', ' NaN'];
    const bodies = [...LOOSE, ...alone].map((text) => JSON.stringify({ text }));
    const rows = await rowsOf('SELECT JSON_PARSE(text) AS x FROM i', bodies);
    expect(new Set(rows)).toEqual(new Set(['{"x":null}']));
  });
});
