/** Runs queries of the model on files, in the engine, and in jobs that are killed. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { createEngine } from '../../../analytics/engine';
import type { HubEvent } from '../../../analytics/event';
import { runFiles } from '../../../analytics/fileRun';
import { type Output, translate } from '../../../analytics/query';
import { MIDNIGHT } from '../interpreter';
import { type Job, PARTITIONS, commit, into, jsonRowsOf, open } from '../jobOnFile';
import { type Arrived, REFERENCE_KEYS, type Streams, isoOf, listOf } from './rows';

/** The messages of an input, in the order of their arrival. */
export function messagesOf(all: readonly Arrived[], input: string): HubEvent[] {
  const elements = new Map<number, Arrived[]>();
  for (const one of all)
    if (one.input === input) elements.set(one.number, [...(elements.get(one.number) ?? []), one]);
  return [...elements.values()].flatMap((own) => {
    const [first] = own;
    if (!first) return [];
    const payloads = own.map(({ s, k, v }) => ({
      ...{ t: s === null ? undefined : isoOf(s), list: listOf(v) },
      // An absent field is NULL, too.
      k: k ?? (first.number % 2 === 0 ? null : undefined),
      v: v ?? (first.number % 2 === 0 ? null : undefined),
    }));
    return {
      body: JSON.stringify(own.length === 1 && first.number % 2 === 0 ? payloads[0] : payloads),
      enqueuedUs: (MIDNIGHT + 1_000 * first.arrived) * 1_000,
      partitionId: first.partition,
      sequenceNumber: first.number,
    };
  });
}

const INPUTS = ['i', 'j'] as const;

/** The partitions of the hub. */
const partitionsOf = (events: readonly Arrived[]): number[] => [
  ...new Set(events.map(({ partition }) => partition)),
];

async function loadVersions(
  { engine }: Pick<Job, 'engine'>,
  versions: readonly number[],
  folder: string,
): Promise<void> {
  for (const name of engine.references.names)
    for (const version of versions) {
      const file = join(folder, `version-${version}.json`);
      await writeFile(file, referenceText(version));
      await engine.references.load(name, file, (MIDNIGHT + 1_000 * version) * 1_000);
    }
}

const referenceText = (version: number): string =>
  REFERENCE_KEYS.map((k) => JSON.stringify({ k, f: version })).join('\n');

/** The same text for the same names and values. */
const textOf = (row: string): string => JSON.stringify(JSON.parse(row));

export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'asa-model-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How a run reads its files. */
export interface Reading {
  /** whether the files hold messages of the feed, otherwise payloads */
  isFeed: boolean;
  maxSliceRows: number;
}

export const readings: fc.Arbitrary<Reading> = fc.record({
  isFeed: fc.boolean(),
  maxSliceRows: fc.constantFrom(1, 3, 8, 1_000),
});

/** Runs a query on one file of each input. @returns its rows, sorted */
export function onFiles(
  sql: string,
  { events: all, policy, versions }: Streams,
  { isFeed, maxSliceRows }: Reading,
): Promise<string[]> {
  return inFolder(async (folder) => {
    const plan = translate(sql);
    const file = (name: string): string => join(folder, name);
    for (const input of INPUTS)
      await writeFile(
        file(`${input}.ndjson`),
        messagesOf(all, input)
          .map((one) => `${isFeed ? feedLine(one) : payloadLine(one)}\n`)
          .join(''),
      );
    await writeFile(file('r.ndjson'), referenceText(versions[0] ?? 0));
    const outputs = new Map(plan.outputs.map(({ table }, i) => [table, file(`output-${i}`)]));
    await runFiles({
      ...{ plan, policy, outputs, maxSliceRows },
      inputs: new Map(INPUTS.map((input) => [input, [file(`${input}.ndjson`)]])),
      references: new Map(plan.references.length > 0 ? [['r', [file('r.ndjson')]]] : []),
    });
    const rows: string[] = [];
    for (const one of new Set(outputs.values()))
      rows.push(...(await readFile(one, 'utf8')).split('\n').filter((row) => row !== ''));
    return rows.map(textOf).sort();
  });
}

const feedLine = ({ body, enqueuedUs = 0, partitionId, sequenceNumber }: HubEvent): string =>
  JSON.stringify({
    ...{ deviceId: 'd', partitionId: String(partitionId), sequenceNumber, body: JSON.parse(body) as unknown },
    enqueuedTimeUtc: new Date(enqueuedUs / 1_000).toISOString(),
  });

function payloadLine({ body, enqueuedUs = 0, partitionId }: HubEvent): string {
  const arrival = {
    EventEnqueuedUtcTime: new Date(enqueuedUs / 1_000).toISOString(),
    PartitionId: partitionId,
  };
  const payload = JSON.parse(body) as object | object[];
  return JSON.stringify(
    Array.isArray(payload)
      ? payload.map((one: object) => ({ ...one, ...arrival }))
      : { ...payload, ...arrival },
  );
}

/** A batch of an input: messages of the partitions, in the order of their arrival. */
export interface Batch {
  input: 'i' | 'j';
  partitions: readonly number[];
  messages: number;
  /** when the job is killed: before the batch is stored, after that, or not */
  kill: 'before' | 'after' | undefined;
  /** the partitions whose clock then runs up to their next event */
  clock: 'all' | 'own' | 'none';
}

export const batches = (maxLength: number): fc.Arbitrary<Batch[]> =>
  // Without a bias, because it would be to few batches.
  fc.noBias(
    fc.array(
      fc.record({
        input: fc.constantFrom(...INPUTS),
        partitions: fc.constantFrom([0], [1], [2], [0, 1], ...Array.from({ length: 5 }, () => PARTITIONS)),
        messages: fc.integer({ min: 1, max: 4 }),
        kill: fc.constantFrom('before' as const, 'after' as const, undefined, undefined),
        // Windows wait for the slowest partition, so most end before the last event only if all clocks run.
        clock: fc.constantFrom('all' as const, 'all' as const, 'own' as const, 'none' as const),
      }),
      { maxLength, size: 'max' },
    ),
  );

interface Feed {
  take: (batch: Batch) => HubEvent[];
  /** the clocks that run after a batch: the time up to which all events of these partitions have been taken, µs */
  clocks: (batch: Batch) => { us: number; partitions: readonly number[] }[];
  rest: (input: string) => HubEvent[];
}

function feedOf(all: readonly Arrived[]): Feed {
  const left = new Map(INPUTS.map((input) => [input as string, messagesOf(all, input)]));
  const rest = (input: string): HubEvent[] => left.get(input) ?? [];
  return {
    rest,
    take: ({ input, partitions, messages }) => {
      const taken = rest(input)
        .filter(({ partitionId = 0 }) => partitions.includes(partitionId))
        .slice(0, messages);
      left.set(
        input,
        rest(input).filter((one) => !taken.includes(one)),
      );
      return taken;
    },
    clocks: ({ clock, partitions }) => {
      const sets =
        clock === 'all' ? [partitionsOf(all)] : clock === 'own' ? partitions.map((one) => [one]) : [];
      return sets.flatMap((set) => {
        const left = INPUTS.flatMap(rest).filter(({ partitionId = 0 }) => set.includes(partitionId));
        const us = Math.min(...left.map(({ enqueuedUs = Infinity }) => enqueuedUs));
        return us === Infinity ? [] : { us, partitions: set };
      });
    },
  };
}

/** Runs a query in the engine, in batches. @returns its rows, sorted. @throws Error if the rows of an output are not in the order of time */
export function inBatches(sql: string, streams: Streams, taken: readonly Batch[]): Promise<string[]> {
  return inFolder(async (folder) => {
    const engine = await createEngine(translate(sql), streams.policy);
    const rows: string[] = [];
    const read = async ({ rowsSql }: Output): Promise<void> => {
      const found = (await engine.connection.runAndReadAll(rowsSql))
        .getRows()
        .map(([row]) => textOf(String(row)));
      const times = found.map((row) => (JSON.parse(row) as { e: number }).e);
      if (times.some((time, i) => time < (times[i - 1] ?? -Infinity)))
        throw new Error(`the rows of a batch are not in the order of time: ${found.join(', ')}`);
      rows.push(...found);
    };
    try {
      await loadVersions({ engine }, streams.versions, folder);
      engine.setPartitions(partitionsOf(streams.events));
      const feed = feedOf(streams.events);
      for (const batch of taken) {
        await engine.process(batch.input, feed.take(batch), read);
        for (const { us, partitions } of feed.clocks(batch)) await engine.advance(us, read, partitions);
      }
      for (const input of INPUTS) await engine.process(input, feed.rest(input), read);
      await engine.advance(Infinity, read);
      return rows.sort();
    } finally {
      engine.close();
    }
  });
}

/** Runs a query in a job with a file, and opens the file again after each kill. @returns its stored rows, sorted */
export function withKills(sql: string, streams: Streams, taken: readonly Batch[]): Promise<string[]> {
  return inFolder(async (folder) => {
    const plan = translate(sql);
    const reopen = async (): Promise<Job> => {
      const opened = await open(plan, join(folder, 'job.duckdb'), streams.policy);
      opened.engine.setPartitions(partitionsOf(streams.events));
      return opened;
    };
    let job = await reopen();
    try {
      await loadVersions(job, streams.versions, folder);
      const feed = feedOf(streams.events);
      const attempt = (batch: Batch, found: HubEvent[], isKilled: boolean): Promise<void> =>
        commit(job, new Map(), async (outputs) => {
          await job.engine.process(batch.input, found, into(outputs));
          if (isKilled) throw new Killed();
        });
      for (const batch of taken) {
        const found = feed.take(batch);
        if (batch.kill === 'before')
          await attempt(batch, found, true).catch((error: unknown) => {
            if (!(error instanceof Killed)) throw error;
          });
        if (batch.kill === 'after') await attempt(batch, found, false);
        if (batch.kill !== undefined) {
          job.engine.close();
          job = await reopen();
        }
        if (batch.kill !== 'after') await attempt(batch, found, false);
        for (const { us, partitions } of feed.clocks(batch))
          await commit(job, new Map(), (outputs) => job.engine.advance(us, into(outputs), partitions));
      }
      for (const input of INPUTS)
        await commit(job, new Map(), (outputs) => job.engine.process(input, feed.rest(input), into(outputs)));
      await commit(job, new Map(), (outputs) => job.engine.advance(Infinity, into(outputs)));
      return (await jsonRowsOf(job, plan)).map(textOf).sort();
    } finally {
      job.engine.close();
    }
  });
}

class Killed extends Error {}
