import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Problem, type ProblemCode } from '../problems';
import type { Settings } from '../settings';
import { type After, type Position, encodeCursor, partitionNumber } from './cursor';
import { unlessAborted } from './deadline';
import { type Drained, drainPartition } from './drain';
import { feedProblem } from './errors';
import { createEventHubClients } from './eventHubClient';
import type { EncodedFeedMessage } from './feedMessage';
import { createLines } from './lines';
import {
  type Gap,
  type PartitionPlan,
  type ReadingPlan,
  isForeign,
  planReading,
  shareOut,
} from './readingPlan';
import { type HubSnapshot, shared, takeSnapshot } from './snapshot';

/** How long one poll may take to read what there is; what is not read by then is named in `incomplete`. */
const POLL_DEADLINE_MS = 10_000;
/** Between looks at the hub while a poll waits for news. */
const WAIT_CHECK_MS = 1_000;
/** The host and its worker buffer an answer whole, so it is kept small (Functions: no streaming). */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Tries at a snapshot or a poll on new connections before the failure is the caller's. */
const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 50;
const MAX_RETRY_DELAY_MS = 1_000;
/** Failures that a new connection cannot mend. */
const LASTING: readonly ProblemCode[] = ['hub_access_denied', 'settings_invalid', 'hub_throttled'];

export interface FeedQuery {
  after: After;
  /** messages at the most */
  limit: number;
  /** how long to wait for the first message when there is none, in seconds */
  waitSeconds: number;
  /** ids of the partitions to read; all when undefined */
  partitions: readonly string[] | undefined;
}

export interface FeedAnswer {
  /** in order within a partition, merged by enqueued time across partitions */
  messages: EncodedFeedMessage[];
  /** for the next poll's `after` */
  cursor: string;
  /** there was more when the poll began, or some of it could not be read */
  hasMore: boolean;
  gaps: Gap[];
  /** partitions that could not be read: their position stays */
  incomplete: { partitionId: string; code: ProblemCode }[];
  /** the cursor was of another hub, or of this one before it was recreated */
  reset: boolean;
}

export interface Feed {
  /**
   * The messages of all partitions after a cursor, as they were when the poll began.
   *
   * @throws {Problem} `unknown_partition`; `hub_unavailable`, `hub_timeout` … when nothing at all could be read
   */
  poll: (query: FeedQuery) => Promise<FeedAnswer>;
  /** Opens the connection and asks the hub for its partitions, so that the next poll need not. */
  warmUp: () => Promise<void>;
  close: () => void;
}

export function createFeed(settings: Settings): Feed {
  const clients = createEventHubClients(settings);
  const lines = createLines();
  const snapshot = shared(snapshotWithRetries);

  async function snapshotWithRetries(): Promise<HubSnapshot> {
    for (let attempt = 1; ; attempt += 1) {
      const generation = clients.current();
      try {
        return await takeSnapshot(generation);
      } catch (error) {
        const problem = feedProblem(error);
        if (problem.code !== 'hub_throttled') generation.retire();
        if (attempt === MAX_ATTEMPTS || LASTING.includes(problem.code)) throw problem;
        await delay(jitter(RETRY_DELAY_MS));
      }
    }
  }

  async function pollOnce(query: FeedQuery, signal: AbortSignal): Promise<FeedAnswer> {
    let seen = await unlessAborted(snapshot(), signal);
    // A snapshot may be older than a cursor that another instance has just given: ask again before believing it.
    if (isForeign(query.after, seen)) seen = await unlessAborted(snapshot(), signal);
    const plan = planReading(query.after, seen, scopeOf(query.partitions, seen));
    const turn = query.after.kind === 'cursor' && !plan.reset ? query.after.cursor.turn : 0;
    const { shares, turn: nextTurn } = shareOut(query.limit, plan.readings, turn);
    const bytes = Math.floor(MAX_ANSWER_BYTES / Math.max(1, shares.size));
    const drained = await Promise.all(
      plan.readings
        .filter(({ partitionId }) => shares.has(partitionId))
        .map((reading) => drain(reading, { share: shares.get(reading.partitionId) ?? 0, bytes, signal })),
    );
    return assemble(seen.hubTag, plan, drained, { turn, nextTurn });
  }

  /** One reader at a time in a partition: polls that come together take their turns (the SDK allows no second). */
  async function drain(
    reading: PartitionPlan,
    limits: { share: number; bytes: number; signal: AbortSignal },
  ): Promise<Drained> {
    const { partitionId } = reading;
    return lines.inLine(
      partitionId,
      async () => {
        for (let attempt = 0; ; attempt += 1) {
          const generation = clients.current();
          const drained = await drainPartition(generation, reading, limits);
          if (drained.error === undefined || limits.signal.aborted) return drained;
          const throttled = feedProblem(drained.error).code === 'hub_throttled';
          if (!throttled) generation.retire();
          if (!throttled || drained.messages.length > 0) return drained;
          await delay(jitter(Math.min(RETRY_DELAY_MS * 2 ** attempt, MAX_RETRY_DELAY_MS)));
        }
      },
      limits.signal,
      () => ({ partitionId, messages: [], error: limits.signal.reason as unknown }),
    );
  }

  async function poll(query: FeedQuery): Promise<FeedAnswer> {
    const waitUntil = Date.now() + query.waitSeconds * 1_000;
    for (;;) {
      const answer = await pollWithRetries(query);
      const hasNews = answer.messages.length > 0 || answer.gaps.length > 0 || answer.reset || answer.hasMore;
      const left = waitUntil - Date.now();
      if (hasNews || left <= 0) return answer;
      await delay(Math.min(WAIT_CHECK_MS, left));
    }
  }

  async function pollWithRetries(query: FeedQuery): Promise<FeedAnswer> {
    const signal = AbortSignal.timeout(POLL_DEADLINE_MS);
    setMaxListeners(0, signal); // each partition of the poll listens
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await pollOnce(query, signal);
      } catch (error) {
        const problem = feedProblem(error);
        const lasting = problem.status < 500 || LASTING.includes(problem.code);
        if (attempt === MAX_ATTEMPTS || lasting || signal.aborted) throw problem;
        await delay(jitter(RETRY_DELAY_MS));
      }
    }
  }

  return {
    poll,
    warmUp: async () => {
      await unlessAborted(snapshot(), AbortSignal.timeout(POLL_DEADLINE_MS)).catch((error: unknown) => {
        throw feedProblem(error);
      });
    },
    close: clients.close,
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

/** Puts what was read together, up to the size of an answer, and moves the positions by just that. */
function assemble(
  hubTag: number,
  { positions: known, readings, gaps: emptied, reset }: ReadingPlan,
  drained: readonly Drained[],
  { turn, nextTurn }: { turn: number; nextTurn: number },
): FeedAnswer {
  const positions = new Map(known);
  const gaps = [...emptied];
  const taken: EncodedFeedMessage[][] = [];
  let bytes = 0;
  let firstLeftOut: string | undefined;

  for (const { partitionId, messages } of byTurn(drained, turn)) {
    const fitting = messages.findIndex((message) => {
      if (bytes > 0 && bytes + message.bytes > MAX_ANSWER_BYTES) return true;
      bytes += message.bytes;
      return false;
    });
    const part = fitting === -1 ? messages : messages.slice(0, fitting);
    if (fitting !== -1) firstLeftOut ??= partitionId;
    let before = known.get(partitionId)?.sequenceNumber;
    for (const { message } of part) {
      if (before !== undefined && message.sequenceNumber > before + 1) {
        gaps.push({ partitionId, from: before + 1, to: message.sequenceNumber - 1 });
      }
      before = message.sequenceNumber;
    }
    const last = part.at(-1)?.message;
    if (last) positions.set(partitionId, positionOf(last));
    taken.push(part);
  }

  const failures = drained.filter(({ error }) => error !== undefined);
  const messages = mergeByEnqueuedTime(taken);
  if (messages.length === 0 && failures[0] && gaps.length === 0) throw feedProblem(failures[0].error);
  return {
    messages,
    cursor: encodeCursor({
      hubTag,
      turn: firstLeftOut === undefined ? nextTurn : partitionNumber(firstLeftOut),
      positions,
    }),
    hasMore: readings.some(
      ({ partitionId, upTo }) => (positions.get(partitionId)?.sequenceNumber ?? -1) < upTo,
    ),
    gaps,
    incomplete: failures.map(({ partitionId, error }) => ({ partitionId, code: feedProblem(error).code })),
    reset,
  };
}

function byTurn(drained: readonly Drained[], turn: number): Drained[] {
  const later = ({ partitionId }: Drained): number => (partitionNumber(partitionId) < turn ? 1 : 0);
  return [...drained].sort((a, b) => later(a) - later(b));
}

function positionOf({ sequenceNumber, offset }: Position): Position {
  return { sequenceNumber, offset };
}

/** Merges by enqueued time and keeps the order within a partition even if its clock was set back meanwhile. */
function mergeByEnqueuedTime(partitions: readonly EncodedFeedMessage[][]): EncodedFeedMessage[] {
  const keyed = partitions.flatMap((messages) => {
    let time = '';
    return messages.map((encoded) => {
      if (encoded.message.enqueuedTimeUtc > time) time = encoded.message.enqueuedTimeUtc;
      return { time, encoded };
    });
  });
  return keyed.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).map(({ encoded }) => encoded);
}

function jitter(milliseconds: number): number {
  return milliseconds * (0.5 + Math.random());
}
