/** Computes the nodes of a plan, batch by batch. */

import type { DuckDBConnection } from '@duckdb/node-api';
import { MAX_US, MIN_US, timestamp } from './duckdbTimestamp';
import { createKeptRows } from './keptRows';
import { type Plan, type PlanNode, type StreamSource, type TemporalNode, raisedInQuery } from './query';

export interface NodeRun {
  /** by table of a temporal node: the time up to which its rows have been emitted, µs since 1970 */
  emitted: ReadonlyMap<string, number>;
  /** Fills the tables of the nodes in their order. @throws {QueryError} when a node cannot be computed */
  run: () => Promise<void>;
  /** Whether a temporal node may have rows now without further events. */
  mayEmit: () => boolean;
}

interface NodeRunParts {
  connection: DuckDBConnection;
  /** schema of the kept rows */
  schema: string;
  nodes: Plan['nodes'];
  /** the times that an earlier run has emitted */
  emitted?: ReadonlyMap<string, number> | undefined;
  /** returns a time before which no later event of the source is, µs since 1970 */
  watermarkOf: (source: StreamSource) => number;
}

export function createNodeRun({
  connection,
  schema,
  nodes,
  emitted: before,
  watermarkOf,
}: NodeRunParts): NodeRun {
  const kept = createKeptRows(connection, schema);
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

  async function emit(node: TemporalNode): Promise<void> {
    const { table, sql } = node;
    const fromUs = emitted.get(table);
    for (const one of node.kept) await kept.add(one, fromUs === undefined);
    const toUs = dueBy(node);
    const started = fromUs ?? MIN_US;
    const closes = toUs > started && mayClose(node, started, toUs);
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} AS ${closes ? sql : `${sql} LIMIT 0`}`, {
      from: timestamp(started),
      to: timestamp(closes ? toUs : started),
    });
    if (closes) for (const one of node.kept) await kept.prune(one, toUs);
    emitted.set(table, closes ? toUs : started);
  }

  const compute = async (node: PlanNode): Promise<void> => {
    if (node.kind === 'temporal') await emit(node);
    else await connection.run(`CREATE OR REPLACE TEMP TABLE ${node.table} AS ${node.sql}`);
  };

  return {
    emitted,
    run: async () => {
      for (const node of nodes)
        await compute(node).catch((error: unknown) => {
          throw raisedInQuery(error, node.at);
        });
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
