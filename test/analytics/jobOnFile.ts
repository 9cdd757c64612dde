/** An analytics job on a state file, as its tests open it, run it and read its rows. */
import { type Engine, createEngine } from '../../analytics/engine';
import type { HubEvent } from '../../analytics/event';
import type { FunctionScripts } from '../../analytics/functions';
import { checkJobFile } from '../../analytics/job/jobFile';
import {
  type Batch,
  RESULTS_SCHEMA,
  type Results,
  openResults,
  resultTable,
} from '../../analytics/job/results';
import type { Output, Plan } from '../../analytics/query';
import { fingerprint } from '../../analytics/state';
import { DEFAULT_TIME_POLICY, type TimePolicy } from '../../analytics/timePolicy';
import { type Arrival, MIDNIGHT } from './interpreter';

export const PARTITIONS = [0, 1, 2];

/** An event of a partition, with its number in it. */
export interface PartitionedArrival extends Arrival {
  partition: number;
  number: number;
}

export interface Job {
  engine: Engine;
  results: Results;
}

export async function open(
  plan: Plan,
  file: string,
  policy: TimePolicy = DEFAULT_TIME_POLICY,
  log: (line: string) => void = (line) => {
    throw new Error(line);
  },
  functions: FunctionScripts = new Map(),
): Promise<Job> {
  const query = fingerprint(plan, policy, functions, 'hub');
  await checkJobFile(file, query, log);
  const engine = await createEngine(plan, policy, functions, {
    file,
    name: RESULTS_SCHEMA,
    fingerprint: query,
  });
  engine.setPartitions(PARTITIONS);
  return { engine, results: await openResults(engine.connection, plan.outputs) };
}

export const toEvent = ({ s, k, v, arrived, partition, number }: PartitionedArrival): HubEvent => ({
  body: JSON.stringify({ t: new Date(MIDNIGHT + 1_000 * s).toISOString(), k, v }),
  enqueuedUs: (MIDNIGHT + 1_000 * arrived) * 1_000,
  partitionId: partition,
  sequenceNumber: number,
});

export const commit = (
  { results }: Job,
  done: Batch['done'],
  work: (into: Output[]) => Promise<void>,
): Promise<void> =>
  results.commit(async () => {
    const outputs: Output[] = [];
    await work(outputs);
    return { outputs, done };
  });

export const into = (outputs: Output[]) => (output: Output) => {
  outputs.push(output);
  return Promise.resolve();
};

/** The stored rows of all outputs, as JSON. */
export async function jsonRowsOf({ engine }: Job, { outputs }: Plan): Promise<string[]> {
  const rows: string[] = [];
  for (const { name } of outputs) {
    const read = await engine.connection
      .runAndReadAll(
        `SELECT to_json(one) FROM (SELECT * EXCLUDE (__ts, __seq) FROM ${resultTable(name)}) AS one`,
      )
      .catch(() => undefined); // The table is made with the first row.
    for (const [row] of read?.getRows() ?? []) rows.push(String(row));
  }
  return rows;
}

/** The values of the stored rows. @returns sorted */
export async function rowsOf(job: Job, plan: Plan): Promise<string[]> {
  const rows = (await jsonRowsOf(job, plan)).map((row) =>
    Object.values(JSON.parse(row) as object)
      .map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
      .join(' '),
  );
  // The only value that depends on when a query runs.
  return rows.map((row) => row.replaceAll(/"EventProcessedUtcTime":"[^"]*",/g, '')).sort();
}
