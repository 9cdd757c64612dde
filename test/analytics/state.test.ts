import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { translate } from '../../analytics/query';
import type { TimePolicy } from '../../analytics/timePolicy';
import { fullAfter, runs } from '../testSize';
import { CASES, KEYS, MIDNIGHT, policies, punctual } from './interpreter';
import { PARTITIONS, type PartitionedArrival, commit, into, open, rowsOf, toEvent } from './jobOnFile';

const RUNS = Number(process.env.ANALYTICS_FUZZ_RUNS ?? runs(1, 40));

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

interface Step {
  partition: number;
  events: number;
  /** when the job is killed: before the batch is stored, after that, or not */
  kill: 'before' | 'after' | undefined;
  /** whether the clock runs up to the next event of a partition */
  clock: boolean;
}

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asa-state-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

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

/** `npm test` runs the first case, and the full run all of them. */
function eachCase<T>(cases: Readonly<Record<string, T>>, check: (one: T) => Promise<void>): void {
  for (const [at, [name, one]] of Object.entries(cases).entries())
    test(name, { timeout: 300_000, ...fullAfter(1, at) }, () => check(one));
}

describe('kills and the ends of batches never change the rows', () => {
  eachCase(CASES, async ([query, interpret]) => {
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

  eachCase(OTHERS, async (query) => {
    await fc.assert(
      fc.asyncProperty(arrivals, policies, steps, async (all, policy, taken) => {
        expect(await run(query, policy, all, taken)).toEqual(await run(query, policy, all, []));
      }),
      { numRuns: RUNS },
    );
  });
});
