import type { ProblemCode } from '../../errorCodes';
import { encodeCursor, type Position } from './cursor';
import type { Drained } from './drainPartition';
import { feedProblem } from '../errors';
import { type EncodedFeedMessage, bytesOf } from './feedMessage';
import { type Gap, gapBetween, type ReadingPlan } from './readingPlan';

/** The host and its worker buffer the whole response (no HTTP streaming), so it is kept small. */
const MAX_PAGE_BYTES = 8_000_000;
/** Reserved for the rest of the response: the cursor, and a gap and a code for each partition. */
const MAX_STATE_BYTES = 131_072;
/** Maximum size of the messages in a response, with separators. A larger single message is returned alone. */
export const MAX_MESSAGES_BYTES = MAX_PAGE_BYTES - MAX_STATE_BYTES;

/** The result of one poll. */
export interface FeedPage {
  /** in order within a partition, merged by enqueued time across partitions */
  messages: EncodedFeedMessage[];
  /** the cursor for the next poll */
  cursor: string;
  /** more messages existed when the poll began, or a partition could not be read */
  hasMore: boolean;
  gaps: Gap[];
  /** partitions that could not be read; their position is unchanged */
  incomplete: { partitionId: string; code: ProblemCode }[];
  /** the cursor came from another hub, or from before this hub was recreated */
  reset: boolean;
}

/**
 * Merges the messages that were read, up to the maximum response size, and advances the positions accordingly.
 *
 * @param drained in the order of the partitions' turns
 * @throws {Problem} if no partition could be read
 */
export function assemblePage(
  hubTag: number,
  { positions: known, readings, gaps: emptied, reset }: ReadingPlan,
  drained: readonly Drained[],
): { page: FeedPage; positions: ReadonlyMap<string, Position> } {
  const gaps = [...emptied];
  const moved = new Map<string, Position>();
  const taken: EncodedFeedMessage[][] = [];
  const served: { partitionId: string; count: number }[] = [];
  let bytes = 0;

  for (const { partitionId, messages } of drained) {
    const fitting = messages.findIndex((message) => {
      if (bytes > 0 && bytes + bytesOf(message) > MAX_MESSAGES_BYTES) return true;
      bytes += bytesOf(message);
      return false;
    });
    if (fitting === 0) continue; // the next poll returns it
    const part = fitting === -1 ? messages : messages.slice(0, fitting);
    let before = known.get(partitionId);
    for (const message of part) {
      const lost = before && gapBetween(partitionId, before, message.sequenceNumber);
      if (lost) gaps.push(lost);
      before = message;
    }
    const last = part.at(-1);
    if (last) moved.set(partitionId, positionOf(last));
    taken.push(part);
    served.push({ partitionId, count: part.length });
  }

  const failures = drained.filter(({ error }) => error !== undefined);
  const messages = mergeByEnqueuedTime(taken);
  if (failures[0] && failures.length === readings.length && messages.length === 0 && gaps.length === 0) {
    throw feedProblem(failures[0].error);
  }
  const positions = new Map([...known].map(([id, position]) => [id, moved.get(id) ?? position]));
  // Partitions with messages in this page move to the end of the queue, the one with the fewest messages first.
  for (const { partitionId } of served.sort((a, b) => a.count - b.count)) {
    const position = positions.get(partitionId);
    positions.delete(partitionId);
    if (position) positions.set(partitionId, position);
  }
  const page = {
    messages,
    cursor: encodeCursor({ hubTag, positions }),
    hasMore: readings.some(
      ({ partitionId, upTo }) => (positions.get(partitionId)?.sequenceNumber ?? -1) < upTo,
    ),
    gaps,
    incomplete: failures.map(({ partitionId, error }) => ({ partitionId, code: feedProblem(error).code })),
    reset,
  };
  return { page, positions };
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
