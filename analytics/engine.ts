/** Runs a translated query on batches of events, in a DuckDB database of its own. */

import type { DuckDBConnection } from '@duckdb/node-api';
import {
  ARRIVED_SQL,
  MALFORMED_SQL,
  countSql,
  ownTimesSql,
  payloadsSql,
  progressSql,
  progressTableSql,
  timedSql,
} from './batchSql';
import type { Counts } from './counts';
import { openDatabase } from './database';
import { MAX_US, MIN_US, timestamp } from './duckdbTimestamp';
import type { HubEvent } from './event';
import { type FunctionScripts, registerFunctions } from './functions';
import { isLoose } from './looseJson';
import { createNodeRun } from './nodeRun';
import {
  type Output,
  type PayloadFields,
  type Plan,
  type StreamSource,
  raisedInQuery,
  referenceSpanUs,
} from './query';
import { type References, createReferences } from './references';
import {
  type SourceState,
  moveWatermark,
  noteArrivals,
  noteClock,
  restoreSources,
  setPartitions,
  sourceTimes,
} from './sourceProgress';
import { type StateFile, openState } from './state';
import type { TimePolicy } from './timePolicy';

/** A translated query at work in a DuckDB database of its own, in memory. */
export interface Engine {
  references: References;
  counts: Readonly<Record<keyof Counts, number>>;
  connection: DuckDBConnection;
  /** a further connection, for reading beside the query */
  connect: () => Promise<DuckDBConnection>;
  /**
   * Runs a batch of events through the query, in the order of their arrival within each partition. With a state file, the caller begins a
   * transaction before the call, and commits it with the positions of the events.
   *
   * @param onResult called for each output that has rows; they are in `output.table` until it settles
   * @throws {QueryError} when a CAST fails: a job in Azure would stop
   */
  process: (input: string, events: readonly HubEvent[], onResult: OnResult) => Promise<void>;
  /**
   * Sets the partitions of the hub, so that windows wait for those that have not delivered events yet. Before the first
   * call, they wait for the partitions that events came from.
   */
  setPartitions: (partitions: readonly number[]) => void;
  /**
   * Emits the windows that have ended, given that all events that were enqueued before `nowUs` have been processed.
   *
   * @param nowUs µs since 1970; Infinity: no events will follow
   * @param partitions for which this holds; by default all
   */
  advance: (nowUs: number, onResult: OnResult, partitions?: readonly number[]) => Promise<void>;
  close: () => void;
}

export type OnResult = (output: Output) => Promise<void>;

/** Event Hubs: a dedicated cluster allows 1,024 partitions per event hub, other tiers fewer. */
const MAX_PARTITIONS = 1_024n;

const NOT_JSON = '';

/** Name of the last number of an event among the stored times. */
const SEQUENCE = 'sequence';

/**
 * @throws {QueryError} when a part of the query cannot be worked out, whatever the events, as 9223372036854775807 + 1
 * @throws Error when DuckDB refuses what was translated: a fault of the translation, not of the query's author
 */
export async function createEngine(
  plan: Plan,
  policy: TimePolicy,
  functions: FunctionScripts = new Map(),
  stateFile?: StateFile,
): Promise<Engine> {
  const { instance, connection } = await openDatabase();
  const connections = [connection];
  const stored = stateFile && (await openState(connection, stateFile));
  const schema = stored?.schema ?? 'main';
  await registerFunctions(connection, plan.functions, functions);
  for (const source of plan.sources) await connection.run(progressTableSql(source, schema));
  const states = restoreSources(plan, stored?.times ?? new Map());
  const nodes = createNodeRun({
    connection,
    schema,
    nodes: plan.nodes,
    emitted: stored?.times,
    watermarkOf: (source) => states.find((state) => state.source === source)?.watermarkUs ?? MIN_US,
  });
  const references = await createReferences(connection, plan.references, schema, () =>
    Math.min(
      ...states.map(({ watermarkUs }) => watermarkUs),
      ...plan.nodes.flatMap((node) =>
        node.kind === 'temporal'
          ? (nodes.emitted.get(node.table) ?? MIN_US) - referenceSpanUs(node, plan.references)
          : [],
      ),
    ),
  );
  const counts: Counts = { events: 0, malformed: 0, untimed: 0, early: 0, late: 0, lateDropped: 0 };
  /** the number of the last event without a sequence number */
  let sequence = stored?.times.get(SEQUENCE) ?? 0;

  const numbers = async (sql: string): Promise<number[]> => {
    const [row = []] = (await connection.runAndReadAll(sql)).getRows();
    return row.map((value) => (value === null ? NaN : Number(value)));
  };

  async function arrive(events: readonly HubEvent[]): Promise<void> {
    await connection.run(ARRIVED_SQL);
    const appender = await connection.createAppender('arrived', 'main', 'temp');
    const text = (value: string | undefined): void =>
      value === undefined ? appender.appendNull() : appender.appendVarchar(value);
    for (const event of events) {
      appender.appendVarchar(isLoose(event.body) ? NOT_JSON : event.body);
      if (event.enqueuedUs === undefined) appender.appendNull();
      else appender.appendDouble(event.enqueuedUs);
      if (event.partitionId === undefined) appender.appendNull();
      else appender.appendBigInt(BigInt(event.partitionId));
      appender.appendBigInt(orderOf(event) ?? BigInt((sequence += 1)));
      text(event.deviceId);
      text(event.messageId);
      text(event.correlationId);
      text(event.generationId);
      text(event.properties);
      appender.endRow();
    }
    appender.closeSync();
    counts.events += events.length;
  }

  /** Fills `raw` with the payloads of the arrived events and their fields. @returns how many are no JSON objects */
  async function parse(fields: PayloadFields): Promise<number> {
    await connection.run(payloadsSql(fields), { now: timestamp(Date.now() * 1_000) });
    const [malformed = 0] = await numbers(MALFORMED_SQL);
    return malformed;
  }

  async function timed(source: StreamSource, watermarkUs: number): Promise<void> {
    const own = `(${ownTimesSql(source, 'raw')})`;
    await connection
      .run(`CREATE OR REPLACE TEMP TABLE ${source.table} AS ${timedSql(source, policy, own)}`, {
        watermark: timestamp(watermarkUs),
      })
      .catch((error: unknown) => {
        throw raisedInQuery(error, source.at);
      });
  }

  async function timeEvents(state: SourceState): Promise<void> {
    const { source } = state;
    await timed(source, state.watermarkUs);
    const [untimed = 0, early = 0, late = 0, lateDropped = 0] = await numbers(countSql(source.table));
    counts.untimed += untimed;
    counts.early += early;
    counts.late += late;
    counts.lateDropped += lateDropped;
    if (untimed + early + lateDropped > 0)
      await connection.run(`DELETE FROM ${source.table} WHERE __ts IS NULL`);
    await connection.run(progressSql(source, schema));
    await moveWatermark(connection, state, policy, schema);
  }

  /** Computes the nodes, and passes on the outputs that have rows. */
  async function run(onResult: OnResult): Promise<void> {
    await nodes.run();
    await stored?.save([[SEQUENCE, sequence], ...nodes.emitted, ...sourceTimes(states)]);
    const rows = await numbers(
      `SELECT ${plan.outputs.map(({ table }) => `(SELECT count(*) FROM ${table})`).join(', ')}`,
    );
    for (const [i, output] of plan.outputs.entries()) if ((rows[i] ?? 0) > 0) await onResult(output);
  }

  const hasRows = new Set<StreamSource>();
  async function emptyBatch({ source, watermarkUs }: SourceState): Promise<void> {
    await arrive([]);
    await parse(source.fields);
    await timed(source, watermarkUs);
    hasRows.delete(source);
  }

  // A query that cannot run is reported now, not at the first event.
  if (stored) await connection.run('BEGIN');
  for (const state of states) await emptyBatch(state);
  await run(() => Promise.resolve());
  if (stored) await connection.run('COMMIT');
  return {
    references,
    counts,
    connection,
    connect: async () => {
      const further = await instance.connect();
      connections.push(further);
      return further;
    },
    process: async (input, events, onResult) => {
      const own = states.filter(({ source }) => same(source.input, input));
      const [first] = own;
      if (!first) return;
      for (const state of states)
        if (!own.includes(state) && hasRows.has(state.source)) await emptyBatch(state);
      await arrive(events);
      for (const state of own) noteArrivals(state, events);
      counts.malformed += await parse(first.source.fields);
      for (const state of own) {
        await timeEvents(state);
        hasRows.add(state.source);
      }
      await run(onResult);
    },
    setPartitions: (partitions) => {
      for (const state of states) setPartitions(state, partitions);
    },
    advance: async (nowUs, onResult, partitions) => {
      for (const state of states)
        if (nowUs === Infinity) state.watermarkUs = MAX_US;
        else {
          noteClock(state, nowUs, partitions);
          await moveWatermark(connection, state, policy, schema);
        }
      if (!nodes.mayEmit()) return;
      for (const state of states) if (hasRows.has(state.source)) await emptyBatch(state);
      await run(onResult);
    },
    close: () => {
      // An open connection would keep the state file open.
      for (const one of connections) one.closeSync();
      instance.closeSync();
    },
  };
}

/** A number that orders events of a partition, and that does not depend on batches. */
const orderOf = ({ sequenceNumber, partitionId = 0 }: HubEvent): bigint | undefined =>
  sequenceNumber === undefined ? undefined : BigInt(sequenceNumber) * MAX_PARTITIONS + BigInt(partitionId);

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
