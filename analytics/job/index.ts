/** A job that reads a hub continuously, and keeps its results and checkpoint in a file. */

import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Counts } from '../counts';
import { type Engine, createEngine } from '../engine';
import { type Output, type Plan, problemText, textOf, translate } from '../query';
import { partsOf } from '../project';
import { fingerprint } from '../state';
import { readTimePolicy } from '../timePolicy';
import type { OpenHub } from './hubConnection';
import { readHub } from './hubReader';
import type { ReadEvent } from './readEvent';
import { type Amount, createQueue } from './amount';
import { createClock, needsClock } from './clock';
import { checkJobFile } from './jobFile';
import { countReads } from './countReads';
import { RESULTS_SCHEMA, openResults } from './results';
import { type ReferenceState, openReferences } from './referenceUpdates';

export type { OpenHub } from './hubConnection';
export { resultTable } from './results';

export interface JobOptions {
  queryFile: string;
  openHub: OpenHub;
  /** of the hub's Event Hub-compatible endpoint */
  eventHubConnection: string;
  consumerGroup: string;
  /** of the storage account of the product snapshots, and the container in it */
  storageConnection: string;
  container: string;
  /** file of results and checkpoint: a job that is started with this file continues from its checkpoint */
  resultsFile: string;
  log: (line: string) => void;
}

export interface JobState {
  /** `waiting`: for the first snapshot of each reference input, as a job in Azure does; `stopped`: the query failed on an event, or the results could not be written */
  status: 'waiting' | 'running' | 'stopped';
  /** why the job stopped, or the last error that it retried */
  problem: string | undefined;
  /** counts of all events in the results, including those before a restart */
  counts: Readonly<Counts>;
  /** ms from the arrival of an event in the hub to its rows, for the newest events; undefined before the first */
  lagMs: number | undefined;
  /** in the order of the query, those that have been loaded */
  references: readonly ReferenceState[];
  /** a snapshot whose time is still to come */
  next: { path: string; validFrom: number } | undefined;
}

export interface Job {
  plan: Plan;
  state: () => JobState;
  /** for reading the results: tables of {@link resultTable} */
  connection: DuckDBConnection;
  close: () => Promise<void>;
}

const SNAPSHOT_POLL_MS = 2_000;
const TICK_MS = 1_000;
const TRIM_EVERY_TICKS = 60;
/** If more events than this wait for the query, the job pauses reading from the hub. */
const MAX_WAITING: Amount = { events: 75_000, characters: 32_000_000 };
const MAX_BATCH: Amount = { events: 50_000, characters: 16_000_000 };

/** Each batch has a fixed cost, about that of 3,000 events, because DuckDB plans the statements again. */
const COLLECT_MS = 200;

/**
 * The local stand-in for a Stream Analytics job: events of the consumer group, product snapshots by the times of their
 * paths, the deployed query.
 *
 * @throws Error told as `file:line:column: message` when the query is wrong or not covered
 */
export async function startJob(options: JobOptions): Promise<Job> {
  const { queryFile, log } = options;
  const { plan, engine } = await createQuery(options);
  const results = await openResults(engine.connection, plan.outputs);
  const references = await openReferences(engine, options);
  const input = plan.sources[0]?.input ?? '';
  const hasClock = needsClock(plan);
  const countedBefore = new Map(results.counts());
  /** The engine counts from its start. */
  const totals = (): Counts => {
    const counts = { ...engine.counts };
    for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += countedBefore.get(name) ?? 0;
    return counts;
  };
  const state: JobState = {
    status: references.any ? 'waiting' : 'running',
    problem: undefined,
    counts: totals(),
    lagMs: undefined,
    references: references.loaded(),
    next: undefined,
  };
  const waiting = createQueue<ReadEvent>();
  let roomMade: (() => void)[] = [];
  let closing = false;
  const isClosing = (): boolean => closing;

  // The engine runs one operation at a time.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  function stop(error: unknown): void {
    state.status = 'stopped';
    state.problem = problemText(queryFile, error);
    log(`analytics job stopped: ${state.problem}`);
  }

  /** Runs the waiting events through the query, and stores the rows together with the checkpoint. */
  async function processWaiting(): Promise<void> {
    if (state.status !== 'running' || waiting.isEmpty() || isClosing()) return;
    const known = results.checkpoint();
    const batch = waiting
      .take(MAX_BATCH)
      .filter(({ partition, sequenceNumber }) => sequenceNumber > (known.get(partition) ?? -1));
    for (const resume of roomMade.splice(0)) resume();
    try {
      await results.commit(async () => {
        const outputs: Output[] = [];
        await engine.process(input, batch, keep(outputs));
        const done = new Map<string, number>();
        for (const { partition, sequenceNumber } of batch) done.set(partition, sequenceNumber);
        return { outputs, done, counts: { ...totals() } };
      });
      const newest = batch.at(-1)?.enqueuedUs;
      if (newest !== undefined) state.lagMs = Math.max(0, Date.now() - newest / 1_000);
    } catch (error) {
      stop(error);
    }
  }
  const keep = (into: Output[]) => (output: Output) => {
    into.push(output);
    return Promise.resolve();
  };

  /**
   * The job runs when each reference input has a version, and newer snapshots have been loaded: rows of a resumed job
   * would otherwise have stale versions while storage does not respond.
   */
  async function updateReferences(): Promise<void> {
    if (state.status === 'stopped' || isClosing()) return;
    const { next, isComplete, problem } = await references.update();
    state.next = next;
    if (problem !== undefined) retried(problem);
    state.references = references.loaded();
    if (state.status === 'waiting' && isComplete) state.status = 'running';
  }

  function retried(problem: string): void {
    if (state.status !== 'stopped') state.problem = problem;
  }
  let partitions: readonly string[] = [];
  const advance = createClock({
    partitions: () => partitions,
    lastEvents: (some) => reader.lastEvents(some),
    isProcessed: (partition, sequenceNumber) => (results.checkpoint().get(partition) ?? -1) >= sequenceNumber,
    advance: (nowMs, silent) =>
      inTurn(async () => {
        if (state.status !== 'running' || isClosing()) return;
        await results.commit(async () => {
          const outputs: Output[] = [];
          const known = silent.filter((partition) => partitions.includes(partition));
          await engine.advance(nowMs * 1_000, keep(outputs), known.map(Number));
          return { outputs, done: new Map() };
        });
      }).catch(stop),
  });
  let ticks = 0;
  const poll = setInterval(() => {
    if (references.any) void inTurn(updateReferences).then(pump);
  }, SNAPSHOT_POLL_MS);
  const tick = setInterval(() => {
    if (hasClock) void advance();
    if ((ticks += 1) % TRIM_EVERY_TICKS === 0) void inTurn(results.trim).catch(stop);
  }, TICK_MS);
  let pumping = false;
  /**
   * Repeats until no event waits. The first batch runs at once, each further one after a pause that collects events.
   */
  async function pump(): Promise<void> {
    if (pumping) return;
    pumping = true;
    try {
      while (!waiting.isEmpty() && state.status === 'running' && !isClosing()) {
        const collected = delay(COLLECT_MS);
        await inTurn(processWaiting);
        if (!waiting.exceeds(MAX_BATCH)) await collected;
      }
    } finally {
      pumping = false; // in the same turn as the last check for waiting events, so that a later event starts the next run
    }
  }

  const reader = readHub({
    openHub: options.openHub,
    connectionString: options.eventHubConnection,
    consumerGroup: options.consumerGroup,
    // In turn: a batch that is being processed would otherwise move the checkpoint of a partition after its reset.
    checkpoint: () =>
      inTurn(() => {
        // The waiting events have not been processed. A restarted reader delivers them again.
        waiting.clear();
        return Promise.resolve(results.checkpoint());
      }),
    take: async (events) => {
      waiting.add(events);
      state.problem = state.status === 'stopped' ? state.problem : undefined;
      void pump();
      if (waiting.exceeds(MAX_WAITING) && !isClosing())
        await new Promise<void>((resolve) => roomMade.push(resolve));
    },
    onPartitions: (all) => {
      partitions = all;
      engine.setPartitions(all.map(Number));
    },
    onReset: results.forget,
    onError: (error) => retried(textOf(error)),
  });
  await Promise.race([reader.started, inTurn(updateReferences).then(pump)]);
  const reading = countReads(await engine.connect());

  return {
    plan,
    state: () => ({ ...state, counts: totals() }),
    connection: reading.connection,
    close: async () => {
      closing = true;
      clearInterval(poll);
      clearInterval(tick);
      for (const resume of roomMade.splice(0)) resume();
      roomMade = [];
      await reader.close();
      await last;
      await reading.end();
      engine.close();
    },
  };
}

async function createQuery({
  queryFile,
  resultsFile,
  eventHubConnection,
  log,
}: JobOptions): Promise<{ plan: Plan; engine: Engine }> {
  try {
    const plan = translate(await readFile(queryFile, 'utf8'));
    const { functions, jobConfigFile } = partsOf(queryFile);
    const policy = readTimePolicy(queryFile, jobConfigFile);
    const [, hub = ''] = /(?:^|;)EntityPath=([^;]*)/.exec(eventHubConnection) ?? [];
    const query = fingerprint(plan, policy, functions, hub);
    await checkJobFile(resultsFile, query, log);
    const stateFile = { file: resultsFile, name: RESULTS_SCHEMA, fingerprint: query };
    return { plan, engine: await createEngine(plan, policy, functions, stateFile) };
  } catch (error) {
    throw new Error(problemText(queryFile, error), { cause: error });
  }
}
