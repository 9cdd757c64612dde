import type { ProblemCode } from '../problems';
import { encodeCursor, partitionNumber, type Position } from './cursor';
import type { Drained } from './drain';
import { feedProblem } from './errors';
import type { EncodedFeedMessage } from './feedMessage';
import type { Gap, ReadingPlan } from './readingPlan';

/** The host and its worker buffer an answer whole, so it is kept small (Functions: no streaming). */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** What one poll gives. */
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

/**
 * Puts what was read together, up to the size of an answer, and moves the positions by just that.
 *
 * @param turn the number of the partition that is first in turn, and the one that is if all fits
 * @throws {Problem} when nothing at all could be read
 */
export function assemble(
  hubTag: number,
  { positions: known, readings, gaps: emptied, reset }: ReadingPlan,
  drained: readonly Drained[],
  { turn, nextTurn }: { turn: number; nextTurn: number },
): { answer: FeedAnswer; positions: ReadonlyMap<string, Position> } {
  const positions = new Map(known);
  const gaps = [...emptied];
  const taken: EncodedFeedMessage[][] = [];
  let bytes = 0;
  let firstLeftOut: string | undefined;

  for (const { partitionId, messages } of byTurn(drained, turn)) {
    const fitting = messages.findIndex((message) => {
      if (bytes > 0 && bytes + message.encoded.length > MAX_ANSWER_BYTES) return true;
      bytes += message.encoded.length;
      return false;
    });
    const part = fitting === -1 ? messages : messages.slice(0, fitting);
    if (fitting !== -1) firstLeftOut ??= partitionId;
    let before = known.get(partitionId)?.sequenceNumber;
    for (const message of part) {
      if (before !== undefined && message.sequenceNumber > before + 1) {
        gaps.push({ partitionId, from: before + 1, to: message.sequenceNumber - 1 });
      }
      before = message.sequenceNumber;
    }
    const last = part.at(-1);
    if (last) positions.set(partitionId, positionOf(last));
    taken.push(part);
  }

  const failures = drained.filter(({ error }) => error !== undefined);
  const messages = mergeByEnqueuedTime(taken);
  if (messages.length === 0 && failures[0] && gaps.length === 0) throw feedProblem(failures[0].error);
  const answer = {
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
  return { answer, positions };
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
    return messages.map((message) => {
      if (message.enqueuedTimeUtc > time) time = message.enqueuedTimeUtc;
      return { time, message };
    });
  });
  return keyed.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).map(({ message }) => message);
}
