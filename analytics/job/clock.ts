/** Determines the time up to which a job has processed all events, so that windows also end while no events arrive. */

import type { Plan } from '../query';

export interface ClockOptions {
  /** all partitions of the hub */
  partitions: () => readonly string[];
  /** the sequence numbers of the last events in these partitions, -1 for an empty one */
  lastEvents: (partitions: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  isProcessed: (partition: string, sequenceNumber: number) => boolean;
  /** called with partitions of which all events that were enqueued before this time have been processed, ms */
  advance: (nowMs: number, partitions: readonly string[]) => Promise<void>;
}

/**
 * Whether the rows of a query depend on the clock: those of windows and joins do. With TIMESTAMP BY … OVER, the clock
 * shows which timelines are over, so that their progress can be removed. Of reference data, it shows which versions no
 * later event needs.
 */
export const needsClock = ({ nodes, sources, references }: Plan): boolean =>
  references.length > 0 ||
  nodes.some(({ kind }) => kind === 'temporal') ||
  sources.some(({ timeline }) => timeline !== undefined);

/** How far the hub's clock may be behind this machine's. */
const CLOCK_SKEW_MS = 1_000;

/** Event Hubs: a namespace allows 50 management calls per second. */
const MAX_REQUESTS = 20;

/**
 * Time alone does not show that no older event will come: the job may have been suspended, or be behind the hub. So the
 * clock asks the hub for the last event of each partition, and only counts partitions of which it has been processed.
 *
 * @returns a function that does this once; calls during a call do nothing
 */
export function createClock({
  partitions,
  lastEvents,
  isProcessed,
  advance,
}: ClockOptions): () => Promise<void> {
  let busy = false;
  let next = 0;
  return async () => {
    if (busy) return;
    busy = true;
    try {
      const all = partitions();
      const some = [...all, ...all].slice(next, next + Math.min(MAX_REQUESTS, all.length));
      next = all.length === 0 ? 0 : (next + some.length) % all.length;
      const nowMs = Date.now() - CLOCK_SKEW_MS;
      const last = await lastEvents(some);
      const read = [...last].filter(([partition, number]) => isProcessed(partition, number));
      if (read.length > 0)
        await advance(
          nowMs,
          read.map(([partition]) => partition),
        );
    } catch {
      // The reader connects anew and reports the error.
    } finally {
      busy = false;
    }
  };
}
