import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine } from '../../analytics/engine';
import type { TimePolicy } from '../../analytics/timePolicy';
import { runFiles } from '../../analytics/fileRun';
import { suspicionsOf } from '../../analytics/suspicions';
import { type Output, translate } from '../../analytics/query';
import { IS_FULL, runs } from '../testSize';

/** The short run tries the same events each time; the full run tries others. */
const SEED = 1;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-order-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const QUERIES = [
  'SELECT n, System.Timestamp() AS at FROM i TIMESTAMP BY t WHERE n <> 3',
  'WITH s AS (SELECT n * 2 AS m FROM i TIMESTAMP BY t) SELECT m, System.Timestamp() AS at FROM s',
  'SELECT n FROM i UNION SELECT n + 100 AS n FROM i',
  'SELECT n, e.ArrayValue AS v FROM i TIMESTAMP BY t CROSS APPLY GetArrayElements(i.list) AS e',
  'SELECT COUNT(*) AS c, MAX(n) AS n, System.Timestamp() AS at FROM i TIMESTAMP BY t GROUP BY TumblingWindow(second, 2)',
  'SELECT n, LAG(n) OVER (LIMIT DURATION(minute, 1)) AS before FROM i TIMESTAMP BY t',
];

interface Event {
  /** s after a fixed time */
  at: number;
  /** s from its own time to its arrival */
  delay: number;
  partition: number;
  /** how its own time is written; `none`: not at all */
  form: 'Z' | 'offset' | 'escaped' | 'none';
  timed: boolean;
}

const event: fc.Arbitrary<Event> = fc.record({
  at: fc.nat({ max: 12 }),
  delay: fc.constantFrom(0, 0, 0, 1, 6, -400),
  partition: fc.nat({ max: 1 }),
  form: fc.constantFrom('Z', 'Z', 'Z', 'offset', 'escaped', 'none'),
  timed: fc.boolean(),
});
const policy: fc.Arbitrary<TimePolicy> = fc.record({
  eventsLateArrivalMaxDelayInSeconds: fc.constantFrom(0, 5),
  eventsOutOfOrderMaxDelayInSeconds: fc.constantFrom(0, 2),
  eventsOutOfOrderPolicy: fc.constantFrom('Adjust', 'Drop'),
});
const START_MS = Date.UTC(2026, 0, 1);

function payloadOf({ at, form }: Event, n: number): object {
  const text = new Date(START_MS + at * 1_000).toISOString();
  const time = { Z: text, escaped: text, offset: text.replace('Z', '+00:00'), none: undefined }[form];
  return { n, t: time, list: [n, 'x'] };
}
const lineOf = (body: object, { form }: Event): string =>
  JSON.stringify(body).replace(form === 'escaped' ? '2026-01-01T' : 'no escape', '2026-01-01\\u0054');

/** Rows and counts of a run on a file, whose events have their arrival in them. */
async function onFile(
  text: string,
  policyOf: TimePolicy,
  events: readonly Event[],
  maxSliceRows: number,
): Promise<unknown> {
  const [input, output] = [join(folder, 'events.ndjson'), join(folder, 'rows.ndjson')];
  const lines = events.map((one, n) => {
    const arrival = {
      EventEnqueuedUtcTime: new Date(START_MS + (one.at + one.delay) * 1_000).toISOString(),
      PartitionId: one.partition,
    };
    return lineOf({ ...payloadOf(one, n), ...(one.timed && arrival) }, one);
  });
  await writeFile(input, `${lines.join('\n')}\n`);
  const plan = translate(text);
  const counts = await runFiles({
    plan,
    policy: policyOf,
    inputs: new Map([['i', [input]]]),
    references: new Map(),
    outputs: new Map(plan.outputs.map(({ table }) => [table, output])),
    maxSliceRows,
  });
  return { counts, rows: (await readFile(output, 'utf8')).split('\n').filter((row) => row !== '') };
}

async function inEngine(text: string, policyOf: TimePolicy, events: readonly Event[]): Promise<unknown> {
  const plan = translate(text);
  const engine = await createEngine(plan, policyOf);
  const rows: string[] = [];
  try {
    const write = async ({ rowsSql }: Output): Promise<void> => {
      for (const [row] of (await engine.connection.runAndReadAll(rowsSql)).getRows()) rows.push(String(row));
    };
    await engine.process(
      'i',
      events.map((one, n) => ({
        body: lineOf(payloadOf(one, n), one),
        enqueuedUs: one.timed ? (START_MS + (one.at + one.delay) * 1_000) * 1_000 : undefined,
        partitionId: one.timed ? one.partition : undefined,
      })),
      write,
    );
    await engine.advance(Infinity, write);
    return { counts: engine.counts, rows };
  } finally {
    engine.close();
  }
}

test('a file gives the rows and counts of the live engine, in order or not, timed or not, in whatever slices', async () => {
  const all = fc.array(event, { minLength: 1, maxLength: 12 });
  const inOrder = all.map((events) => [...events].sort((a, b) => a.at - b.at));
  const punctual = inOrder.map((events) => events.map((one) => ({ ...one, delay: 0 })));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...QUERIES),
      policy,
      fc.oneof(all, inOrder, punctual),
      fc.integer({ min: 1, max: 13 }),
      async (text, policyOf, events, maxSliceRows) => {
        // Without TIMESTAMP BY, an event without arrival has the time of reading.
        const read = text.includes('TIMESTAMP BY') ? events : events.map((one) => ({ ...one, timed: true }));
        expect(await onFile(text, policyOf, read, maxSliceRows)).toEqual(
          await inEngine(text, policyOf, read),
        );
      },
    ),
    { numRuns: runs(4, 50), ...(IS_FULL ? {} : { seed: SEED }) },
  );
}, 600_000);

test('19 digits of a number are found wherever the file is divided for reading', async () => {
  const file = join(folder, 'digits');
  const MEBIBYTE = 1_048_576;
  for (const start of [0, MEBIBYTE - 19, MEBIBYTE - 18, MEBIBYTE - 1, MEBIBYTE, 2 * MEBIBYTE - 7]) {
    const text = `${'x'.repeat(start)}:${'1'.repeat(18)}`;
    await writeFile(file, `${text}.1`);
    expect((await suspicionsOf(file)).oversized).toBe(false);
    await writeFile(file, `${text}1`);
    expect((await suspicionsOf(file)).oversized).toBe(true);
  }
  // Ids in texts, and fractions, at each place of the parts that are read.
  await writeFile(file, '{"sim":"89445001021983038261", "v":0.1234567890123456789}\n'.repeat(100_000));
  expect((await suspicionsOf(file)).oversized).toBe(false);
  await writeFile(file, `:${'1'.repeat(2 * MEBIBYTE)}`);
  expect((await suspicionsOf(file)).oversized).toBe(true);
});

test('only whole words are taken for numbers that are not finite, wherever the file is divided', async () => {
  const file = join(folder, 'words');
  for (const text of ['"see the information"', '"1-infinitely, nanometres"', '"a [inferred, name"']) {
    // Longer than a part that is looked at, with the words at each place of it.
    await writeFile(file, `{"v":${text}}\n`.repeat(5_000));
    expect((await suspicionsOf(file)).loose).toBe(false);
  }
  for (const word of ['NaN', 'inf', '-Infinity'])
    for (const start of [0, 65_536 - 9, 65_536 - 5, 65_536, 1_048_576 - 10, 1_048_576 - 1])
      for (const after of ['}', ' }', ',"w":1}']) {
        await writeFile(file, `{"v":${word}${after}`.padStart(start + 5 + word.length + after.length, 'x'));
        expect((await suspicionsOf(file)).loose).toBe(true);
      }
});

test('a comma before a closing bracket is found wherever the file is divided, however much white space is between them', async () => {
  const file = join(folder, 'commas');
  const MEBIBYTE = 1_048_576;
  for (const space of [0, 63, 64, 500])
    for (const before of [1, 64, 65, 400]) {
      const text = `${'x'.repeat(MEBIBYTE - before)},${' \t\r\n'.repeat(space).slice(0, space)}`;
      await writeFile(file, `${text}}`);
      expect((await suspicionsOf(file)).loose).toBe(true);
    }
  await writeFile(file, `${' '.repeat(100)},${' '.repeat(2 * MEBIBYTE)}}`);
  expect((await suspicionsOf(file)).loose).toBe(true);
  await writeFile(file, `${'x'.repeat(MEBIBYTE - 10)},${' '.repeat(40)}"v"`);
  expect((await suspicionsOf(file)).loose).toBe(false);
});
