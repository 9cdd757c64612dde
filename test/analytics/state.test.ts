import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, createEngine } from '../../analytics/engine';
import { DEFAULT_TIME_POLICY, type HubEvent, type TimePolicy } from '../../analytics/event';
import { SET_ASIDE, checkJobFile } from '../../analytics/job/jobFile';
import {
  type Batch,
  RESULTS_SCHEMA,
  type Results,
  openResults,
  resultTable,
} from '../../analytics/job/results';
import { type Output, type Plan, translate } from '../../analytics/query';
import { fingerprint } from '../../analytics/state';
import { runs } from '../testSize';
import { type Arrival, CASES, KEYS, MIDNIGHT, policies, punctual } from './interpreter';

const RUNS = Number(process.env.ANALYTICS_FUZZ_RUNS ?? runs(1, 40));
const PARTITIONS = [0, 1, 2];

/** Queries without an interpreter: their rows are compared with those of a run that is not interrupted. */
const OTHERS: Record<string, string> = {
  steps:
    'WITH s AS (SELECT k, COUNT(*) AS n FROM [i] TIMESTAMP BY t GROUP BY k, TumblingWindow(second, 2)), m AS (SELECT k, MAX(n) AS n FROM s GROUP BY k, TumblingWindow(second, 6)) SELECT k, n, LAG(n) OVER (PARTITION BY k LIMIT DURATION(minute, 1)) AS before FROM m',
  'windows with top rows':
    "SELECT k, TopOne() OVER (ORDER BY v DESC, t) AS top, Collect() AS rows, COUNT(DISTINCT v) AS n FROM [i] TIMESTAMP BY t GROUP BY k, Windows(Window('a', TumblingWindow(second, 4)), Window('b', HoppingWindow(second, 6, 4)))",
  'first and last events':
    'SELECT v, ISFIRST(second, 5) OVER (PARTITION BY k) AS f, LAST(v) OVER (PARTITION BY k LIMIT DURATION(second, 5) WHEN v > 4) AS l, SUM(TRY_CAST(v AS bigint)) OVER (PARTITION BY k LIMIT DURATION(second, 5)) AS s FROM [i] TIMESTAMP BY t',
  substreams:
    'SELECT k, COUNT(*) AS n, System.Timestamp() AS e FROM [i] TIMESTAMP BY t OVER k GROUP BY k, TumblingWindow(second, 5)',
  'no windows': 'SELECT v, System.Timestamp() AS e FROM [i] TIMESTAMP BY t',
};

/** An event of a partition, with its number in it. */
interface PartitionedArrival extends Arrival {
  partition: number;
  number: number;
}

interface Step {
  partition: number;
  events: number;
  /** when the job is killed: before the batch is stored, after that, or not */
  kill: 'before' | 'after' | undefined;
  /** whether the clock runs up to the next event of a partition */
  clock: boolean;
}

interface Job {
  engine: Engine;
  results: Results;
}

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asa-state-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function open(
  plan: Plan,
  file: string,
  policy: TimePolicy = DEFAULT_TIME_POLICY,
  log: (line: string) => void = (line) => {
    throw new Error(line);
  },
): Promise<Job> {
  const query = fingerprint(plan, policy, new Map(), 'hub');
  await checkJobFile(file, query, log);
  const engine = await createEngine(plan, policy, new Map(), {
    file,
    name: RESULTS_SCHEMA,
    fingerprint: query,
  });
  engine.setPartitions(PARTITIONS);
  return { engine, results: await openResults(engine.connection, plan.outputs) };
}

const toEvent = ({ s, k, v, arrived, partition, number }: PartitionedArrival): HubEvent => ({
  body: JSON.stringify({ t: new Date(MIDNIGHT + 1_000 * s).toISOString(), k, v }),
  enqueuedUs: (MIDNIGHT + 1_000 * arrived) * 1_000,
  partitionId: partition,
  sequenceNumber: number,
});

const commit = (
  { results }: Job,
  done: Batch['done'],
  work: (into: Output[]) => Promise<void>,
): Promise<void> =>
  results.commit(async () => {
    const outputs: Output[] = [];
    await work(outputs);
    return { outputs, done };
  });

const into = (outputs: Output[]) => (output: Output) => {
  outputs.push(output);
  return Promise.resolve();
};

async function rowsOf({ engine }: Job, { outputs }: Plan): Promise<string[]> {
  const rows: string[] = [];
  for (const { name } of outputs) {
    const read = await engine.connection
      .runAndReadAll(
        `SELECT to_json(one) FROM (SELECT * EXCLUDE (__ts, __seq) FROM ${resultTable(name)}) AS one`,
      )
      .catch(() => undefined); // The table is made with the first row.
    for (const [row] of read?.getRows() ?? [])
      rows.push(
        Object.values(JSON.parse(String(row)) as object)
          .map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
          .join(' '),
      );
  }
  // The only value that depends on when a query runs.
  return rows.map((row) => row.replaceAll(/"EventProcessedUtcTime":"[^"]*",/g, '')).sort();
}

/** Runs a job on a file, and opens it again after each kill. @returns all rows that it has stored */
async function run(
  query: string,
  policy: TimePolicy,
  all: readonly PartitionedArrival[],
  steps: readonly Step[],
): Promise<string[]> {
  const plan = translate(query);
  const file = join(folder, `${(files += 1)}.duckdb`);
  let job = await open(plan, file, policy);
  const rest = PARTITIONS.map((partition) => all.filter((one) => one.partition === partition));
  const last = steps.length > 0 ? [] : [all];
  for (const { partition, events, kill, clock } of steps) {
    const batch = rest[partition]?.slice(0, events) ?? [];
    const done = new Map([[String(partition), batch.at(-1)?.number ?? -1]]);
    const attempt = (killed: boolean): Promise<void> =>
      commit(job, batch.length > 0 ? done : new Map(), async (outputs) => {
        await job.engine.process('i', batch.map(toEvent), into(outputs));
        if (killed) throw new Error('killed');
      });
    const known = job.results.checkpoint().get(String(partition));
    if (kill === 'before') await expect(attempt(true)).rejects.toThrow('killed');
    if (kill === 'after') await attempt(false);
    if (kill !== undefined) {
      job.engine.close();
      job = await open(plan, file, policy);
      const expected = kill === 'after' && batch.length > 0 ? batch.at(-1)?.number : known;
      expect(job.results.checkpoint().get(String(partition))).toBe(expected);
    }
    if (kill !== 'after') await attempt(false);
    rest[partition]?.splice(0, batch.length);
    const next = rest[partition]?.[0];
    if (clock && next)
      await commit(job, new Map(), (outputs) =>
        job.engine.advance((MIDNIGHT + 1_000 * next.arrived) * 1_000, into(outputs), [partition]),
      );
  }
  for (const batch of steps.length > 0 ? rest : last)
    await commit(job, new Map(), (outputs) => job.engine.process('i', batch.map(toEvent), into(outputs)));
  await commit(job, new Map(), (outputs) => job.engine.advance(Infinity, into(outputs)));
  const rows = await rowsOf(job, plan);
  job.engine.close();
  await rm(file);
  return rows;
}

/** Arrivals in three partitions, whose own times are up to 9 s late and 2 s early. */
const arrivals = fc
  .array(
    fc.record({
      partition: fc.constantFrom(...PARTITIONS),
      arrived: fc.nat(30),
      late: fc.integer({ min: -2, max: 9 }),
      k: fc.constantFrom(...KEYS),
      v: fc.nat(9),
    }),
    { maxLength: 30 },
  )
  .map((all) =>
    all
      .sort((a, b) => a.arrived - b.arrived)
      .map(({ partition, arrived, late, k, v }, number): PartitionedArrival => ({
        ...{ partition, number, k, v },
        arrived: 20 + arrived,
        s: 20 + arrived - late,
      })),
  );

const steps = fc.array(
  fc.record({
    partition: fc.constantFrom(...PARTITIONS),
    events: fc.nat(6),
    kill: fc.constantFrom('before' as const, 'after' as const, undefined, undefined),
    clock: fc.boolean(),
  }),
  { minLength: 1, maxLength: runs(3, 8) },
);

describe('kills and the ends of batches never change the rows', () => {
  test.each(Object.entries(CASES))('%s', { timeout: 300_000 }, async (_, [query, interpret]) => {
    await fc.assert(
      fc.asyncProperty(arrivals, policies, steps, async (all, policy, taken) => {
        const rows = PARTITIONS.flatMap((partition) =>
          punctual(
            all.filter((one) => one.partition === partition),
            policy,
          ),
        ).sort((a, b) => a.s - b.s || a.number - b.number || a.partition - b.partition);
        expect(await run(query, policy, all, taken)).toEqual(interpret(rows).sort());
      }),
      { numRuns: RUNS },
    );
  });

  test.each(Object.entries(OTHERS))('%s', { timeout: 300_000 }, async (_, query) => {
    await fc.assert(
      fc.asyncProperty(arrivals, policies, steps, async (all, policy, taken) => {
        expect(await run(query, policy, all, taken)).toEqual(await run(query, policy, all, []));
      }),
      { numRuns: RUNS },
    );
  });
});

const [COUNT] = CASES.tumbling ?? [''];
const EVENT: PartitionedArrival = { partition: 0, number: 0, k: 'a', v: 1, s: 21, arrived: 21 };

/** A file with an open window of one event. */
async function openWindow(query = COUNT): Promise<string> {
  const file = join(folder, `${(files += 1)}.duckdb`);
  const job = await open(translate(query), file);
  await commit(job, new Map([['0', 0]]), (outputs) =>
    job.engine.process('i', [toEvent(EVENT)], into(outputs)),
  );
  job.engine.close();
  return file;
}

/** Opens the file with a query. @returns what the job logs, its checkpoint and the rows after the end of the stream */
async function reopen(
  file: string,
  query = COUNT,
  policy = DEFAULT_TIME_POLICY,
): Promise<{ lines: string[]; checkpoint: number | undefined; rows: string[] }> {
  const lines: string[] = [];
  const plan = translate(query);
  const job = await open(plan, file, policy, (line) => lines.push(line));
  const checkpoint = job.results.checkpoint().get('0');
  await commit(job, new Map(), (outputs) => job.engine.advance(Infinity, into(outputs)));
  const rows = await rowsOf(job, plan);
  job.engine.close();
  return { lines, checkpoint, rows };
}

describe('a job that is started again', () => {
  test('continues its windows', async () => {
    expect(await reopen(await openWindow())).toEqual({ lines: [], checkpoint: 0, rows: ['25 a 1 1'] });
  });

  test.each([
    ['query', COUNT.replace('second, 5', 'second, 6'), DEFAULT_TIME_POLICY],
    ['input', COUNT.replace('[i]', '[j]'), DEFAULT_TIME_POLICY],
    ['time policy', COUNT, { ...DEFAULT_TIME_POLICY, eventsOutOfOrderMaxDelayInSeconds: 2 }],
  ])('starts afresh with another %s, and logs it', async (_, query, policy) => {
    const file = await openWindow();
    const { lines, checkpoint, rows } = await reopen(file, query, policy);
    expect(lines).toEqual([expect.stringContaining('has changed since')]);
    expect([checkpoint, rows]).toEqual([undefined, []]);
    expect(existsSync(file + SET_ASIDE)).toBe(true);
    expect((await reopen(file, query, policy)).lines).toEqual([]);
  });

  test('continues after a change of layout and comments in the query', async () => {
    const { lines, rows } = await reopen(await openWindow(), `-- counts\n${COUNT.replaceAll(',', ' ,\n')}`);
    expect([lines, rows]).toEqual([[], ['25 a 1 1']]);
  });

  test.each<[string, (file: string, size: number) => Promise<void>]>([
    ['empty', (file) => truncate(file, 0)],
    ['cut off', (file, size) => truncate(file, Math.floor(size / 2))],
    ['other text', (file) => writeFile(file, 'not a database')],
    ['zeros in the middle', async (file) => overwrite(file, Buffer.alloc(4_096))],
    ['noise at the start', async (file) => overwrite(file, Buffer.alloc(64, 0xa5), 0)],
  ])('starts afresh with a damaged file (%s), and logs it', async (_, damage) => {
    const file = await openWindow();
    await damage(file, (await stat(file)).size);
    const { lines, checkpoint, rows } = await reopen(file);
    expect(lines).toEqual([expect.stringMatching(/damaged|has no state/)]);
    expect([checkpoint, rows]).toEqual([undefined, []]);
    expect((await reopen(file)).lines).toEqual([]);
  });

  test('does not start beside another job with the same file, and leaves the file alone', async () => {
    const file = await openWindow();
    const other = spawn(process.execPath, ['-e', HOLD_FILE, file], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(other, 'close');
    await once(other.stdout, 'data');
    const lines: string[] = [];
    await expect(
      open(translate(COUNT), file, DEFAULT_TIME_POLICY, (line) => lines.push(line)),
    ).rejects.toThrow('lock');
    other.stdin.end();
    await ended;
    expect(lines).toEqual([]);
    expect((await reopen(file)).rows).toEqual(['25 a 1 1']);
  });
});

/** A program that uses the file until its input ends. */
const HOLD_FILE = `require('@duckdb/node-api').DuckDBInstance.create(process.argv[1]).then((database) => {
  console.log('open');
  process.stdin.resume().on('end', () => database.closeSync());
});`;

/** Writes over every block of the file, or at an offset. */
async function overwrite(file: string, bytes: Buffer, offset?: number): Promise<void> {
  const content = await readFile(file);
  if (offset !== undefined) bytes.copy(content, offset);
  else for (let at = 3 * 4_096; at < content.length; at += 16 * 4_096) bytes.copy(content, at);
  await writeFile(file, content);
}
