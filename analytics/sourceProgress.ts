/** Tracks how far the events of each source have been processed: its watermark. */

import type { DuckDBConnection } from '@duckdb/node-api';
import { latestSql, pruneProgressSql } from './batchSql';
import type { HubEvent } from './event';
import type { TimePolicy } from './timePolicy';
import type { Plan, StreamSource } from './query';
import { MIN_US, timestamp } from './duckdbTimestamp';

export interface SourceState {
  source: StreamSource;
  /** later events have later times, µs since 1970 */
  watermarkUs: number;
  /** by partition: all events that were enqueued before this time have been processed, µs since 1970 */
  arrivals: Map<number, number>;
}

/** The progress of this many timelines is kept before those that the watermark has passed are removed. */
const MAX_TIMELINES = 10_000;

/** Separates the source and the partition in the name of a stored time. */
const ARRIVAL = ':';

/** @param times of {@link sourceTimes} */
export const restoreSources = ({ sources }: Plan, times: ReadonlyMap<string, number>): SourceState[] =>
  sources.map((source) => ({
    source,
    watermarkUs: times.get(source.table) ?? MIN_US,
    arrivals: new Map(
      [...times].flatMap(([name, us]) => {
        const [table, partition] = name.split(ARRIVAL);
        return table === source.table && partition !== undefined ? [[Number(partition), us] as const] : [];
      }),
    ),
  }));

/** The times of sources by names, to be stored. */
export const sourceTimes = (states: readonly SourceState[]): [name: string, us: number][] =>
  states.flatMap(({ source, watermarkUs, arrivals }) => [
    [source.table, watermarkUs] as [string, number],
    ...[...arrivals].map(([partition, us]): [string, number] => [
      `${source.table}${ARRIVAL}${partition}`,
      us,
    ]),
  ]);

export function setPartitions({ arrivals }: SourceState, partitions: readonly number[]): void {
  for (const known of arrivals.keys()) if (!partitions.includes(known)) arrivals.delete(known);
  for (const partition of partitions) if (!arrivals.has(partition)) arrivals.set(partition, MIN_US);
}

/** Notes the arrival of events, which are in order within each partition. */
export function noteArrivals({ arrivals }: SourceState, events: readonly HubEvent[]): void {
  for (const { enqueuedUs, partitionId = 0 } of events)
    if (enqueuedUs !== undefined)
      arrivals.set(partitionId, Math.max(enqueuedUs, arrivals.get(partitionId) ?? MIN_US));
}

/** Notes that all events of these partitions, by default of all, that were enqueued before this time have arrived. */
export function noteClock({ arrivals }: SourceState, nowUs: number, partitions?: readonly number[]): void {
  if (arrivals.size === 0) arrivals.set(0, MIN_US);
  for (const partition of partitions ?? arrivals.keys())
    arrivals.set(partition, Math.max(nowUs, arrivals.get(partition) ?? MIN_US));
}

/**
 * Moves the watermark. A partition can deliver no event before its latest event less the tolerance of disorder, and none
 * before the time up to which all its events have arrived less both tolerances. The slowest partition decides. So the
 * watermark never changes the time of an event, wherever batches end.
 *
 * @param schema of the table of progress
 */
export async function moveWatermark(
  connection: DuckDBConnection,
  state: SourceState,
  policy: TimePolicy,
  schema: string,
): Promise<void> {
  const { source, arrivals } = state;
  if (arrivals.size === 0) return;
  const rows = (await connection.runAndReadAll(latestSql(source))).getRows();
  const latest = new Map(rows.map(([timeline, us]) => [String(timeline), Number(us)]));
  const { eventsLateArrivalMaxDelayInSeconds: late, eventsOutOfOrderMaxDelayInSeconds: outOfOrder } = policy;
  const reached = [...arrivals].map(([partition, us]) =>
    Math.max(latest.get(String(partition)) ?? MIN_US, us - late * 1_000_000),
  );
  state.watermarkUs = Math.max(state.watermarkUs, Math.min(...reached) - outOfOrder * 1_000_000);
  if (source.timeline === undefined || latest.size <= MAX_TIMELINES) return;
  // Removing writes the whole table anew.
  const isPassed = (us: number): boolean => us - outOfOrder * 1_000_000 <= state.watermarkUs;
  if (![...latest.values()].some(isPassed)) return;
  for (const sql of pruneProgressSql(source, policy, schema))
    await connection.run(sql, sql.includes('$watermark') ? { watermark: timestamp(state.watermarkUs) } : {});
}
