import { type DuckDBConnection, DuckDBTimestampValue, type DuckDBValue } from '@duckdb/node-api';
import {
  ARRIVED_SQL,
  MALFORMED_SQL,
  countSql,
  ownTimesSql,
  payloadsSql,
  progressSql,
  progressTableSql,
  timedSql,
  watermarkSql,
} from './batchSql';
import { openDatabase } from './database';
import type { HubEvent, TimePolicy } from './event';
import { type FunctionScripts, registerFunctions } from './functions';
import {
  type Kept,
  type Output,
  type PayloadFields,
  type Plan,
  type PlanNode,
  type StreamSource,
  type TemporalNode,
  raisedInQuery,
} from './query';
import { type References, createReferences } from './references';

/** What has become of the events that a query was given. */
export interface Counts {
  events: number;
  /** neither JSON objects nor arrays of them: dropped */
  malformed: number;
  /** TIMESTAMP BY gave no time: dropped */
  untimed: number;
  /** more than five minutes ahead of their arrival: dropped */
  early: number;
  /** behind the tolerances: moved to the latest time they may have, or dropped as the policy says */
  late: number;
  /** of the late ones, those that were dropped */
  lateDropped: number;
}

/** A translated query at work in a DuckDB database of its own, in memory. */
export interface Engine {
  references: References;
  counts: Readonly<Record<keyof Counts, number>>;
  connection: DuckDBConnection;
  /** a further connection, for reading beside the query */
  connect: () => Promise<DuckDBConnection>;
  /**
   * Runs a batch of events through the query, in the order of their arrival.
   *
   * @param onResult called for each output that has rows; they are in `output.table` until it settles
   * @throws {QueryError} when a CAST fails: a job in Azure would stop
   */
  process: (input: string, events: readonly HubEvent[], onResult: OnResult) => Promise<void>;
  /** Tells the windows that have ended by `nowUs`, or all when it is Infinity. */
  advance: (nowUs: number, onResult: OnResult) => Promise<void>;
  close: () => void;
}

export type OnResult = (output: Output) => Promise<void>;

const MIN_US = -62_135_596_800_000_000; // 0001-01-01
const MAX_US = 253_402_300_799_000_000; // 9999-12-31

/** Kept rows are looked through for equal ones when so many have been added, or as many again as there were. */
const COLLAPSE_ROWS = 10_000;

interface SourceState {
  source: StreamSource;
  watermarkUs: number;
}

/**
 * @throws {QueryError} when a part of the query cannot be worked out, whatever the events, as 9223372036854775807 + 1
 * @throws Error when DuckDB refuses what was translated: a fault of the translation, not of the query's author
 */
export async function createEngine(
  plan: Plan,
  policy: TimePolicy,
  functions: FunctionScripts = new Map(),
): Promise<Engine> {
  const { instance, connection } = await openDatabase();
  await registerFunctions(connection, plan.functions, functions);
  for (const source of plan.sources) await connection.run(progressTableSql(source));
  const references = await createReferences(connection, plan.references);
  const states = plan.sources.map((source): SourceState => ({ source, watermarkUs: MIN_US }));
  const told = new Map<string, number>();
  /** by table: how many rows it may have come to, and at how many equal ones become one */
  const kept = new Map<string, { rows: number; limit: number }>();
  const counts: Counts = { events: 0, malformed: 0, untimed: 0, early: 0, late: 0, lateDropped: 0 };
  let sequence = 0;

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
      appender.appendVarchar(event.body);
      if (event.enqueuedUs === undefined) appender.appendNull();
      else appender.appendDouble(event.enqueuedUs);
      if (event.partitionId === undefined) appender.appendNull();
      else appender.appendBigInt(BigInt(event.partitionId));
      appender.appendBigInt(BigInt((sequence += 1)));
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

  /** Fills `raw` with the payloads of what has arrived and their fields. @returns how many are no JSON objects */
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
    await connection.run(progressSql(source));
    const [watermark = NaN] = await numbers(watermarkSql(source, policy));
    if (watermark > state.watermarkUs) state.watermarkUs = watermark;
  }

  const watermarkOf = ({ sources }: PlanNode): number =>
    Math.min(
      ...states.filter(({ source }) => sources.includes(source)).map(({ watermarkUs }) => watermarkUs),
    );

  /** Fills the tables of the nodes in their order. */
  async function run(onResult: OnResult): Promise<void> {
    for (const node of plan.nodes)
      await (
        node.kind === 'temporal'
          ? tell(node)
          : connection.run(`CREATE OR REPLACE TEMP TABLE ${node.table} AS ${node.sql}`)
      ).catch((error: unknown) => {
        throw raisedInQuery(error, node.at);
      });
    for (const output of plan.outputs) {
      const [rows = 0] = await numbers(`SELECT count(*) FROM ${output.table}`);
      if (rows > 0) await onResult(output);
    }
  }

  async function keepRows({ table, sql, collapseSql }: Kept, first: boolean): Promise<void> {
    const insert = first ? `CREATE TABLE ${table} AS ${sql}` : `INSERT INTO ${table} ${sql}`;
    const { rowsChanged } = await connection.run(insert);
    if (collapseSql === undefined) return;
    const { rows, limit } = kept.get(table) ?? { rows: 0, limit: COLLAPSE_ROWS };
    if (rows + rowsChanged < limit) kept.set(table, { rows: rows + rowsChanged, limit });
    else {
      const collapsed = await connection.run(`CREATE OR REPLACE TABLE ${table} AS ${collapseSql}`);
      kept.set(table, { rows: collapsed.rowsChanged, limit: 2 * collapsed.rowsChanged + COLLAPSE_ROWS });
    }
  }

  /** An event may still come at the watermark itself, so a window that ends there is not over. */
  const dueBy = (node: TemporalNode): number => {
    const watermarkUs = watermarkOf(node);
    return watermarkUs >= MAX_US ? MAX_US : watermarkUs - 1 - node.delayUs;
  };

  async function tell(node: TemporalNode): Promise<void> {
    const { table, sql } = node;
    const fromUs = told.get(table);
    for (const one of node.kept) await keepRows(one, fromUs === undefined);
    const toUs = dueBy(node);
    const started = fromUs ?? MIN_US;
    const closes = toUs > started && mayClose(node, started, toUs);
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} AS ${closes ? sql : `${sql} LIMIT 0`}`, {
      from: timestamp(started),
      to: timestamp(closes ? toUs : started),
    });
    if (closes)
      for (const one of node.kept) {
        // Made anew rather than deleted from, which gives the memory back.
        const needed = one.retainSql ?? `SELECT * FROM ${one.table} WHERE __ts > $until`;
        const spanUs = one.retainSql === undefined ? one.spanUs : 0;
        await connection.run(`CREATE OR REPLACE TABLE ${one.table} AS ${needed}`, {
          until: timestamp(Math.max(MIN_US, toUs - spanUs)),
        });
      }
    told.set(table, closes ? toUs : started);
  }

  const hasRows = new Set<StreamSource>();
  async function emptyBatch({ source, watermarkUs }: SourceState): Promise<void> {
    await arrive([]);
    await parse(source.fields);
    await timed(source, watermarkUs);
    hasRows.delete(source);
  }

  // What cannot run at all is told now and not at the first event.
  for (const state of states) await emptyBatch(state);
  await run(() => Promise.resolve());
  return {
    references,
    counts,
    connection,
    connect: () => instance.connect(),
    process: async (input, events, onResult) => {
      const own = states.filter(({ source }) => same(source.input, input));
      const [first] = own;
      if (!first) return;
      for (const state of states)
        if (!own.includes(state) && hasRows.has(state.source)) await emptyBatch(state);
      await arrive(events);
      counts.malformed += await parse(first.source.fields);
      for (const state of own) {
        await timeEvents(state);
        hasRows.add(state.source);
      }
      await run(onResult);
    },
    advance: async (nowUs, onResult) => {
      const { eventsLateArrivalMaxDelayInSeconds: late, eventsOutOfOrderMaxDelayInSeconds: outOfOrder } =
        policy;
      const watermarkUs = nowUs === Infinity ? MAX_US : nowUs - (late + outOfOrder) * 1_000_000;
      for (const state of states) state.watermarkUs = Math.max(state.watermarkUs, watermarkUs);
      const closes = plan.nodes.some(
        (node) => node.kind === 'temporal' && mayClose(node, told.get(node.table) ?? MIN_US, dueBy(node)),
      );
      if (!closes) return;
      for (const state of states) if (hasRows.has(state.source)) await emptyBatch(state);
      await run(onResult);
    },
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** Whether a window ends after `fromUs` and not after `toUs`: spares looking at the rows in vain. */
function mayClose({ hopUs, offsetUs }: TemporalNode, fromUs: number, toUs: number): boolean {
  if (hopUs === 0) return toUs > fromUs;
  const windowsBy = (us: number): bigint =>
    (BigInt(Math.floor(us)) - BigInt(MIN_US) - BigInt(offsetUs)) / BigInt(hopUs);
  return windowsBy(toUs) > windowsBy(fromUs);
}

const timestamp = (us: number): DuckDBValue => new DuckDBTimestampValue(BigInt(Math.floor(us)));
const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
