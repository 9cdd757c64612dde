import { setTimeout as delay } from 'node:timers/promises';
import { Problem, type ProblemCode } from '../../errorCodes';
import type { Settings } from '../../settings';
import { isGatewayId } from '../../visitors';
import { type StartPosition, parseAfterOffset } from './cursor';
import { unlessAborted, withTimeLimit } from '../../resilience/deadline';
import { type DrainLimits, type Drained, drainPartition } from './drainPartition';
import { feedProblem } from '../errors';
import { createEventHubClient } from '../eventHub/client';
import { type FeedPage, MAX_MESSAGES_BYTES, assemblePage } from './feedPage';
import type { EncodeMessage } from './feedMessage';
import { createKeyedMutex } from '../../resilience/keyedMutex';
import { type PartitionPlan, isStaleCursor, planReading, shareOut } from './readingPlan';
import { createSnapshotReader, type HubSnapshot } from './hubSnapshot';
import { singleFlight } from '../../resilience/singleFlight';
import { type WaitTarget, createMessageWait } from './messageWait';

/** Time limit for reading in one poll. Partitions that were not read by then are listed in `incomplete`. */
const POLL_DEADLINE_MS = 10_000;
/** Interval between checks of the hub while polls wait and cannot be notified. */
const WAIT_CHECK_MS = 1_000;
/** Attempts at a snapshot or a poll, on new connections, before the error is returned. */
const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 50;
const MAX_RETRY_DELAY_MS = 1_000;
/** Pause before a busy hub is asked again. `$management` allows 50 calls per second. */
const BUSY_DELAY_MS = 500;
/** No attempt at a snapshot begins later than this after the first one, because the waiting polls have a deadline. */
const LAST_ATTEMPT_MS = 5_000;
/**
 * Errors that a retry cannot fix, with the number of the attempt from which this holds. A missing entity is looked up
 * twice, on two connections: a service that is closing a connection also reports an ended session as `amqp:not-found`.
 */
const LASTING_FROM_ATTEMPT: Partial<Readonly<Record<ProblemCode, number>>> = {
  hub_access_denied: 1,
  settings_invalid: 2,
};

export interface FeedQuery {
  after: StartPosition;
  /** maximum number of messages */
  limit: number;
  /** how long to wait for the first message when there is none, in seconds */
  waitSeconds: number;
  /** ids of the partitions to read; undefined: all partitions */
  partitions: readonly string[] | undefined;
  /** serializes a message */
  encode: EncodeMessage;
}

export interface Feed {
  /**
   * The messages of all partitions after a cursor, as they were when the poll began.
   *
   * @throws {Problem} `unknown_partition`; `hub_unavailable`, `hub_timeout` … if no partition could be read
   */
  poll: (query: FeedQuery) => Promise<FeedPage>;
  /** Opens the connection and requests the hub's partitions, so that the next poll need not do so. */
  warmUp: () => Promise<void>;
  close: () => void;
}

export function createFeed(settings: Settings): Feed {
  const client = createEventHubClient(settings);
  // Gateways are also recognized while visitors are off, because the hub may still have their messages.
  const isGateway = (deviceId: string): boolean => isGatewayId(settings.visitorIdPrefix, deviceId);
  const messageWait = createMessageWait(client);
  const mutex = createKeyedMutex();
  const takeSnapshot = createSnapshotReader();
  const snapshot = singleFlight(() => snapshotWithRetries(false));
  const snapshotAnew = singleFlight(() => snapshotWithRetries(true));
  const nextCheck = sharedPause(WAIT_CHECK_MS);

  async function snapshotWithRetries(anew: boolean): Promise<HubSnapshot> {
    const lastAttempt = Date.now() + LAST_ATTEMPT_MS;
    for (let attempt = 1; ; attempt += 1) {
      const generation = client.current();
      try {
        return await takeSnapshot(generation, anew);
      } catch (error) {
        const problem = feedProblem(error);
        const busy = problem.code === 'hub_throttled';
        if (!busy) generation.retire();
        if (attempt === MAX_ATTEMPTS || isLasting(problem, attempt) || Date.now() > lastAttempt)
          throw problem;
        // A dead connection is often detected only on use. The first retry uses a new connection and need not wait.
        if (busy || attempt > 1) await delay(jitter(busy ? BUSY_DELAY_MS * attempt : RETRY_DELAY_MS));
      }
    }
  }

  /** @returns the page, and the positions after it, for waiting for further messages */
  async function pollOnce(
    query: FeedQuery,
    signal: AbortSignal,
  ): Promise<{ page: FeedPage; ends: WaitTarget[] }> {
    let seen = await unlessAborted(snapshot(), signal);
    // The snapshot may be older than a cursor that another instance has just returned. So it is taken again before the
    // cursor counts as stale.
    if (isStaleCursor(query.after, seen)) seen = await unlessAborted(snapshotAnew(), signal);
    const inScope = scopeOf(query.partitions, seen);
    const plan = planReading(query.after, seen, inScope);
    const drained: Drained[] = [];
    let untried = plan.readings;
    do {
      const shares = shareOut(query.limit, untried);
      const bytes = Math.floor(MAX_MESSAGES_BYTES / Math.max(1, shares.size));
      const tried = untried.filter(({ partitionId }) => shares.has(partitionId));
      untried = untried.filter(({ partitionId }) => !shares.has(partitionId));
      const drains = tried.map((reading) => {
        const share = shares.get(reading.partitionId) ?? 0;
        return drain(reading, { share, bytes, encode: query.encode, isGateway, signal });
      });
      drained.push(...(await Promise.all(drains)));
      // Shares that partitions could not use are given to partitions without a share.
    } while (untried.length > 0 && !signal.aborted && drained.every(({ messages }) => messages.length === 0));
    const { page, positions } = assemblePage(seen.hubTag, plan, drained);
    const ends = seen.partitions
      .map(({ partitionId }) => ({ partitionId, position: positions.get(partitionId) }))
      .filter((end): end is WaitTarget => end.position !== undefined && inScope(end.partitionId));
    return { page, ends };
  }

  /** One reader per partition at a time: concurrent polls take turns, because the hub allows only five readers. */
  function drain(reading: PartitionPlan, limits: DrainLimits): Promise<Drained> {
    const { partitionId } = reading;
    return mutex.runExclusive(
      partitionId,
      async () => {
        let refused: Drained | undefined;
        for (let attempt = 0; ; attempt += 1) {
          const generation = client.current();
          const drained = await drainPartition(generation, reading, limits);
          // If the time limit ends while all readers are in use, the caller gets the error of the readers.
          if (limits.signal.aborted && drained.messages.length === 0) return refused ?? drained;
          if (drained.error === undefined || limits.signal.aborted) return drained;
          const noPlace = feedProblem(drained.error).code === 'hub_throttled';
          if (!noPlace) generation.retire();
          if (!noPlace || drained.messages.length > 0) return drained;
          refused = drained;
          messageWait.releaseReader(partitionId, drained.error);
          await delay(jitter(Math.min(RETRY_DELAY_MS * 2 ** attempt, MAX_RETRY_DELAY_MS)));
        }
      },
      limits.signal,
      () => ({ partitionId, messages: [], error: limits.signal.reason as unknown }),
    );
  }

  function pollWithRetries(query: FeedQuery): ReturnType<typeof pollOnce> {
    return withTimeLimit(POLL_DEADLINE_MS, async (signal) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await pollOnce(query, signal);
        } catch (error) {
          const problem = feedProblem(error);
          const lasting = problem.status < 500 || isLasting(problem, attempt);
          if (attempt === MAX_ATTEMPTS || lasting || signal.aborted) throw problem;
          await delay(jitter(RETRY_DELAY_MS));
        }
      }
    });
  }

  async function poll(query: FeedQuery): Promise<FeedPage> {
    const waitUntil = Date.now() + query.waitSeconds * 1_000;
    let { after } = query;
    for (;;) {
      const { page, ends } = await pollWithRetries({ ...query, after });
      // From now on, `@latest` means the end that this poll found, so that messages that arrive during the wait are
      // returned.
      if (after.kind === 'latest') after = parseAfterOffset(page.cursor);
      const hasNews = page.messages.length > 0 || page.gaps.length > 0 || page.reset || page.hasMore;
      const left = waitUntil - Date.now();
      if (hasNews || left <= 0) return page;
      const what = await withTimeLimit(left, (signal) => messageWait.waitForMessage(ends, signal));
      if (what === 'timeout') return page;
      if (what === 'disconnected') await withTimeLimit(waitUntil - Date.now(), nextCheck);
    }
  }

  return {
    poll,
    warmUp: async () => {
      // Not shared, because a later poll would have to wait for the end of this one.
      await withTimeLimit(POLL_DEADLINE_MS, (signal) =>
        unlessAborted(snapshotWithRetries(false), signal),
      ).catch((error: unknown) => {
        throw feedProblem(error);
      });
    },
    close: client.close,
  };
}

function scopeOf(
  wanted: readonly string[] | undefined,
  { partitions }: HubSnapshot,
): (partitionId: string) => boolean {
  if (wanted === undefined) return () => true;
  const existing = partitions.map(({ partitionId }) => partitionId);
  const unknown = wanted.filter((id) => !existing.includes(id));
  if (unknown.length > 0) {
    const which = unknown.slice(0, 5).join(', ').slice(0, 100);
    throw new Problem(
      'unknown_partition',
      `The hub has no partition ${which}. It has: ${existing.join(', ')}.`,
    );
  }
  return (partitionId) => wanted.includes(partitionId);
}

function isLasting({ code }: Problem, attempt: number): boolean {
  return attempt >= (LASTING_FROM_ATTEMPT[code] ?? Infinity);
}

/** A pause that concurrent callers share, so that they continue together after it. */
function sharedPause(milliseconds: number): (signal: AbortSignal) => Promise<void> {
  let pause: Promise<void> | undefined;
  return async (signal) => {
    pause ??= delay(milliseconds).then(() => {
      pause = undefined;
    });
    await unlessAborted(pause, signal).catch(() => undefined);
  };
}

function jitter(milliseconds: number): number {
  return milliseconds * (0.5 + Math.random());
}
