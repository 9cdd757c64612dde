import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY } from '../../analytics/timePolicy';
import { runFiles } from '../../analytics/fileRun';
import { translate } from '../../analytics/query';
import { IS_FULL, fullAfter, runs } from '../testSize';

/** The short run tries the same lines each time; the full run tries others. */
const SEED = 1;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-lines-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const FIELDS =
  'SELECT v, p.s AS s, p, n.a.b AS b, [odd name] AS odd, TRY_CAST(t AS datetime) AS t INTO fields FROM i';
const QUERIES = [
  FIELDS,
  'SELECT v, System.Timestamp() AS at INTO timed FROM i TIMESTAMP BY t',
  `${FIELDS} SELECT * INTO everything FROM i`,
  'SELECT v, t, System.Timestamp() AS at INTO timed FROM i TIMESTAMP BY t',
];

/** Lines that readers of JSON treat in different ways. */
const HOSTILE = [
  ...[
    'oops',
    '5',
    'null',
    '"v"',
    '[]',
    '[1]',
    '{}',
    '{"v":1',
    '"w":2}',
    '{"v":1}{"v":2}',
    '{"v":1} x',
    '{"v":01}',
  ],
  ...['{"v":1,"v":2}', '{"p":{"x":1},"p":{"s":2}}', '{"V":1}', '{"V":1,"v":null}', '{"v":null}', "{'v':1}"],
  ...[
    '[{"v":1},{"V":2}]',
    '[{"v":1},3]',
    ' {"v":1}',
    '\t{"v": 1} ',
    '{"v":1}\r',
    '\uFEFF{"v":1}',
    '{"v":"\u0001"}',
  ],
  ...[
    '{"\\u0076":1}',
    '{"\\u0056":1}',
    '{"v":"\\ud83d"}',
    '{"x":"\\ude00","v":"\\ud83d\\ude00"}',
    '{"v":"\\\\ud83d"}',
  ],
  ...[
    '{"v":9223372036854775807}',
    '{"v":9223372036854775808}',
    '{"v":-9223372036854775809}',
    '{"x":[99999999999999999999]}',
  ],
  ...[
    '{"v":"99999999999999999999"}',
    '{"v":0.12345678901234567890123}',
    '{"v":1e999}',
    '{"v":-0.0}',
    '{"v":1E5}',
  ],
  ...[
    '{"p":5}',
    '{"p":"x"}',
    '{"p":[{"s":1}]}',
    '{"p":{"S":1}}',
    '{"P":{"s":1}}',
    '{"p":{"s":{"b": [1, 2.50]}}}',
  ],
  ...[
    '{"n":{"a":1}}',
    '{"n":{"A":{"B":1}}}',
    '{"odd name":"é"}',
    '{"Odd Name":"日本"}',
    '{"t":"2026-01-01T10:00:00z"}',
  ],
  ...[
    '{"t":"2026-01-01"}',
    '{"t":"2026-01-01T10:00:00.1234567Z"}',
    '{"t":"0000-01-01T00:00:00Z"}',
    '{"t":5}',
  ],
  ...[
    '{"T":"2026-01-01T10:00:00Z"}',
    '{"t":null,"T":"2026-01-01"}',
    '{"t":["2026-01-01"]}',
    '{"t":{"t":"2026-01-01"}}',
    '{"t":true}',
    '{"t":" 2026-01-01 "}',
    '{"t":"2026/01/01T10:00:00.000Z"}',
    '{"t":"2026-01-01T10:00:00.000+02:00"}',
    '{"t":"2026\\u002d01-01T10:00:00.000Z"}',
    '{"t":"\\"2026-01-01T10:00:00.000Z\\""}',
  ],
  // Numbers that are as long as dates, and other values around a date.
  ...[2026123, 20260101, 202601, 2026, 20260101093000, -2026123, 2026.123, 2026e-3, 0, 1767225600000].map(
    (t) => `{"t":${t},"EventEnqueuedUtcTime":${t}}`,
  ),
  ...['{"t":2026123.0}', '{"t":2026123e0}', '{"t":2026E-002}', '{"t":"2026123"}', '{"t":false}'],
  ...['{"t":[2026123]}', '{"t":{"2026-01-01T10:00:00.000Z":1}}', '{"t":["2026-01-01T10:00:00.000Z"]}'],
];
/** Lines that a file can have without being read again because of malformed JSON. */
const OBJECTS = HOSTILE.filter(isObject);

function isObject(text: string): boolean {
  try {
    return text.startsWith('{') && typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

const name = fc.constantFrom(
  'v',
  'V',
  'p',
  'P',
  's',
  'n',
  'a',
  'b',
  'B',
  'odd name',
  'ODD name',
  't',
  '',
  'x"y',
  'é',
);
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(
      null,
      true,
      0,
      -1.5,
      1e300,
      9007199254740991,
      '',
      'v',
      '"v":',
      '\\',
      '日本',
      '12345678901234567890',
    ),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4 }),
  ),
})).value;
const line = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.dictionary(name, value, { maxKeys: 5 }).map((one) => JSON.stringify(one)),
  fc.dictionary(name, value, { maxKeys: 3 }).map((one) => JSON.stringify(one, null, 1).replaceAll('\n', ' ')),
);

for (const [at, query] of QUERIES.entries())
  test(
    `a file gives the rows and counts of the same messages from a hub: ${query}`,
    fullAfter(2, at),
    async () => {
      const plan = translate(query);
      const engine = await createEngine(plan, DEFAULT_TIME_POLICY);
      const file = join(folder, 'events.ndjson');
      const fromHub = async (lines: readonly string[]): Promise<unknown> => {
        const before = { ...engine.counts };
        const rows: Record<string, string[]> = {};
        const events = lines.map((body) => ({ body, enqueuedUs: undefined }));
        await engine.process('i', events, async ({ name: output, rowsSql }) => {
          const read = await engine.connection.runAndReadAll(rowsSql);
          rows[output] = read.getRows().map(([row]) => String(row).replaceAll(/[\r\n]/g, ' '));
        });
        const { malformed } = engine.counts;
        return { rows: written(rows), malformed: malformed - before.malformed };
      };
      const fromFile = async (lines: readonly string[]): Promise<unknown> => {
        await writeFile(file, lines.map((one) => `${one}\n`).join(''));
        const outputs = new Map(plan.outputs.map(({ name: output, table }) => [table, join(folder, output)]));
        const inputs = new Map([['i', [file]]]);
        const { malformed } = await runFiles({
          plan,
          policy: DEFAULT_TIME_POLICY,
          inputs,
          references: new Map(),
          outputs,
        });
        const rows: Record<string, string[]> = {};
        for (const { name: output } of plan.outputs)
          rows[output] = (await readFile(join(folder, output), 'utf8')).split('\n').slice(0, -1);
        return { rows: written(rows), malformed };
      };
      try {
        // A file of nothing but malformed lines is an error, so there is one good line.
        const good = '{"v":"good"}';
        const compare = async (lines: readonly string[]): Promise<void> => {
          expect(await fromFile([good, ...lines])).toEqual(await fromHub([good, ...lines]));
        };
        await compare(HOSTILE);
        await compare(HOSTILE.filter((one) => !/\d{19}/.test(one)));
        await compare(OBJECTS);
        await compare(OBJECTS.filter((one) => !/\d{19}|\\ud83d/.test(one)));
        await compare([...OBJECTS.filter((one) => !/\d{19}|\\ud83d/.test(one)), '{"v":1']);
        const lines = fc.oneof(
          fc.array(line, { maxLength: 40 }),
          fc.array(line.filter(isObject), { maxLength: 40 }),
        );
        await fc.assert(fc.asyncProperty(lines, compare), {
          numRuns: runs(2, 40),
          ...(IS_FULL ? {} : { seed: SEED }),
        });
      } finally {
        engine.close();
      }
    },
  );

/** A carriage return ends a line of a file. */
const written = (rows: Record<string, string[]>): unknown =>
  Object.entries(rows)
    .filter(([, all]) => all.length > 0)
    .map(([output, all]) => [output, all.map((row) => row.trimEnd())]);
