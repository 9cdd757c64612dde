/** Computes the nodes of a plan, batch by batch. */

import type { DuckDBTimestampValue } from '@duckdb/node-api';
import { MAX_US, MIN_US, timestamp } from './duckdbTimestamp';
import { type Statements, createKeptRows } from './keptRows';
import {
  type Plan,
  type PlanNode,
  type StreamSource,
  type TemporalNode,
  raisedInQuery,
  sqlName,
} from './query';

export interface NodeRun {
  /** by table of a temporal node: the time up to which its rows have been emitted, µs since 1970 */
  emitted: ReadonlyMap<string, number>;
  /**
   * Fills the tables of the nodes in their order.
   *
   * @param read reads the tables; views are computed now, and need the kept rows
   * @returns the largest number of rows that is kept for a node, and that the node is computed from again next time
   * @throws {QueryError} when a node cannot be computed
   */
  run: (read?: () => Promise<void>) => Promise<number>;
  /** Whether a temporal node may have rows now without further events. */
  mayEmit: () => boolean;
}

interface NodeRunParts {
  connection: Statements;
  /** schema of the kept rows */
  schema: string;
  nodes: Plan['nodes'];
  /** the tables that are views, because a copy of their rows would cost more than it saves */
  views?: ReadonlySet<string>;
  /** the times that an earlier run has emitted */
  emitted?: ReadonlyMap<string, number> | undefined;
  /** returns a time before which no later event of the source is, µs since 1970 */
  watermarkOf: (source: StreamSource) => number;
}

export function createNodeRun({
  connection,
  schema,
  nodes,
  views = new Set(),
  emitted: before,
  watermarkOf,
}: NodeRunParts): NodeRun {
  const kept = createKeptRows(connection, schema, views);
  const emitted = new Map<string, number>();
  for (const { table } of nodes) {
    const time = before?.get(table);
    if (time !== undefined) emitted.set(table, time);
  }

  /** An event may still come at the watermark itself, so a window that ends there is not over. */
  const dueBy = ({ sources, delayUs }: TemporalNode): number => {
    const watermarkUs = Math.min(...sources.map(watermarkOf));
    return watermarkUs >= MAX_US ? MAX_US : watermarkUs - 1 - delayUs;
  };

  const create = async (
    table: string,
    sql: string,
    times: Record<string, DuckDBTimestampValue> = {},
  ): Promise<void> => {
    if (views.has(table))
      await connection.run(`CREATE OR REPLACE TEMP VIEW ${sqlName(table)} AS ${withTimes(sql, times)}`);
    else await connection.run(`CREATE OR REPLACE TEMP TABLE ${sqlName(table)} AS ${sql}`, times);
  };

  /** @returns whether its kept rows must be pruned once its table has been read */
  async function emit(node: TemporalNode): Promise<boolean> {
    const { table, sql } = node;
    const fromUs = emitted.get(table);
    for (const one of node.kept) await kept.add(one, fromUs === undefined);
    const toUs = dueBy(node);
    const started = fromUs ?? MIN_US;
    const closes = toUs > started && mayClose(node, started, toUs);
    await create(table, closes ? sql : `${sql} LIMIT 0`, {
      from: timestamp(started),
      to: timestamp(closes ? toUs : started),
    });
    emitted.set(table, closes ? toUs : started);
    return closes;
  }

  return {
    emitted,
    run: async (read) => {
      const closed = new Set<TemporalNode>();
      let most = 0;
      const compute = async (node: PlanNode): Promise<void> => {
        if (node.kind === 'plain') await create(node.table, node.sql);
        else if (await emit(node)) closed.add(node);
      };
      const prune = async (node: PlanNode): Promise<void> => {
        if (node.kind === 'plain') return;
        for (const one of node.kept)
          if (closed.has(node) || views.has(one.table))
            most = Math.max(most, await kept.prune(one, emitted.get(node.table) ?? MIN_US));
      };
      const each = async (work: (node: PlanNode) => Promise<void>): Promise<void> => {
        for (const node of nodes)
          await work(node).catch((error: unknown) => {
            throw raisedInQuery(error, node.at);
          });
      };
      await each(compute);
      await read?.();
      await each(prune);
      return most;
    },
    mayEmit: () =>
      nodes.some(
        (node) => node.kind === 'temporal' && mayClose(node, emitted.get(node.table) ?? MIN_US, dueBy(node)),
      ),
  };
}

/** Whether a window ends after `fromUs` and at or before `toUs`. If not, the rows need not be read. */
function mayClose({ hopUs, offsetUs }: TemporalNode, fromUs: number, toUs: number): boolean {
  if (hopUs === 0) return toUs > fromUs;
  const windowsBy = (us: number): bigint =>
    (BigInt(Math.floor(us)) - BigInt(MIN_US) - BigInt(offsetUs)) / BigInt(hopUs);
  return windowsBy(toUs) > windowsBy(fromUs);
}

/** SQL with values instead of its parameters, which a view cannot have. Texts and names in quotes stay as they are. */
const withTimes = (sql: string, times: Readonly<Record<string, DuckDBTimestampValue>>): string =>
  sql.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([a-z]+)/g, (token, name: string | undefined) => {
    const time = name === undefined ? undefined : times[name];
    return time === undefined ? token : `make_timestamp(${time.micros})`;
  });
