/** Runs a job on a file in batches and with kills, as property tests compare it. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { HubEvent } from '../../analytics/event';
import { type Plan, translate } from '../../analytics/query';
import type { TimePolicy } from '../../analytics/timePolicy';
import { runs } from '../testSize';
import { FUNCTIONS, VERSIONS } from './documentedCases';
import { KEYS, MIDNIGHT, punctual } from './interpreter';
import { type Job, PARTITIONS, type PartitionedArrival, commit, into, open, rowsOf } from './jobOnFile';

export interface Step {
  partition: number;
  messages: number;
  /** when the job is killed: before the batch is stored, after that, or not */
  kill: 'before' | 'after' | undefined;
  /** whether the clock runs up to the next event of a partition */
  clock: boolean;
}

export interface InterruptedRun {
  query: string;
  policy: TimePolicy;
  /** rows with the same number are elements of one message */
  rows: readonly PartitionedArrival[];
  /** none: all messages in one batch */
  steps: readonly Step[];
}

/** Arrivals in three partitions, whose own times are up to 9 s late and 2 s early. Some messages are arrays. */
export const arrivals: fc.Arbitrary<PartitionedArrival[]> = fc
  .array(
    fc.record({
      partition: fc.constantFrom(...PARTITIONS),
      arrived: fc.nat(30),
      elements: fc.array(
        fc.record({
          late: fc.integer({ min: -2, max: 9 }),
          k: fc.constantFrom(...KEYS),
          v: fc.nat(9),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    { maxLength: 20 },
  )
  .map((all) =>
    all
      .sort((a, b) => a.arrived - b.arrived)
      .flatMap(({ partition, arrived, elements }, number) =>
        elements.map(({ late, k, v }): PartitionedArrival => ({
          ...{ partition, number, k, v },
          arrived: 20 + arrived,
          s: 20 + arrived - late,
        })),
      ),
  );

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    partition: fc.constantFrom(...PARTITIONS),
    messages: fc.nat(5),
    kill: fc.constantFrom('before' as const, 'after' as const, undefined, undefined),
    clock: fc.boolean(),
  }),
  { minLength: 1, maxLength: runs(3, 8) },
);

/** What the time policies leave of the arrivals of all partitions, in the order in which queries see them. */
export const punctualRows = (all: readonly PartitionedArrival[], policy: TimePolicy): PartitionedArrival[] =>
  PARTITIONS.flatMap((partition) =>
    punctual(
      all.filter((one) => one.partition === partition),
      policy,
    ),
  ).sort((a, b) => a.s - b.s || a.number - b.number || a.partition - b.partition);

function messagesOf(rows: readonly PartitionedArrival[]): HubEvent[] {
  const elements = new Map<number, PartitionedArrival[]>();
  for (const row of rows) elements.set(row.number, [...(elements.get(row.number) ?? []), row]);
  return [...elements.values()].flatMap((all) => {
    const [first] = all;
    if (!first) return [];
    const payloads = all.map(({ s, k, v }) => ({
      ...{ t: new Date(MIDNIGHT + 1_000 * s).toISOString(), k, v },
      list: Array.from({ length: v % 3 }, (_, i) => v + i),
    }));
    return {
      // One element may stand in an array or for itself.
      body: JSON.stringify(all.length === 1 && first.v % 2 === 0 ? payloads[0] : payloads),
      enqueuedUs: (MIDNIGHT + 1_000 * first.arrived) * 1_000,
      partitionId: first.partition,
      sequenceNumber: first.number,
    };
  });
}

async function loadVersions({ engine }: Job, { references }: Plan, folder: string): Promise<void> {
  for (const { name } of references)
    for (const second of VERSIONS) {
      const file = join(folder, `${second}.json`);
      await writeFile(file, KEYS.map((k) => JSON.stringify({ k, f: second })).join('\n'));
      await engine.references.load(name, file, (MIDNIGHT + 1_000 * second) * 1_000);
    }
}

/** Runs a job, and opens its file again after each kill. @returns all rows that it has stored, in a fixed order */
export async function runInterrupted(run: InterruptedRun): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'asa-interrupted-'));
  try {
    return await inFolder(run, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function inFolder(
  { query, policy, rows, steps: taken }: InterruptedRun,
  folder: string,
): Promise<string[]> {
  const plan = translate(query);
  const file = join(folder, 'job.duckdb');
  const reopen = (): Promise<Job> => open(plan, file, policy, undefined, FUNCTIONS);
  let job = await reopen();
  const all = messagesOf(rows);
  const rest = PARTITIONS.map((partition) => all.filter((one) => one.partitionId === partition));
  try {
    await loadVersions(job, plan, folder);
    for (const { partition, messages, kill, clock } of taken) {
      const batch = rest[partition]?.slice(0, messages) ?? [];
      const done = new Map([[String(partition), batch.at(-1)?.sequenceNumber ?? -1]]);
      const attempt = (killed: boolean): Promise<void> =>
        commit(job, batch.length > 0 ? done : new Map(), async (outputs) => {
          await job.engine.process('i', batch, into(outputs));
          if (killed) throw new Error('killed');
        });
      const known = job.results.checkpoint().get(String(partition));
      if (kill === 'before') await expect(attempt(true)).rejects.toThrow('killed');
      if (kill === 'after') await attempt(false);
      if (kill !== undefined) {
        job.engine.close();
        job = await reopen();
        const expected = kill === 'after' && batch.length > 0 ? batch.at(-1)?.sequenceNumber : known;
        expect(job.results.checkpoint().get(String(partition))).toBe(expected);
      }
      if (kill !== 'after') await attempt(false);
      rest[partition]?.splice(0, batch.length);
      const next = rest[partition]?.[0];
      if (clock && next?.enqueuedUs !== undefined) {
        const { enqueuedUs } = next;
        await commit(job, new Map(), (outputs) => job.engine.advance(enqueuedUs, into(outputs), [partition]));
      }
    }
    for (const batch of taken.length > 0 ? rest : [all])
      await commit(job, new Map(), (outputs) => job.engine.process('i', batch, into(outputs)));
    await commit(job, new Map(), (outputs) => job.engine.advance(Infinity, into(outputs)));
    return await rowsOf(job, plan);
  } finally {
    job.engine.close();
  }
}
