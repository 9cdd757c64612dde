import { type StartPosition, NO_OFFSET, type Position, isPlainOffset } from './cursor';
import type { PartitionProperties } from '../eventHub/generation';
import type { HubSnapshot } from './hubSnapshot';

/** Messages that retention removed before they were read: sequence numbers, both included. */
export interface Gap {
  partitionId: string;
  from: number;
  to: number;
}

/** What is to be read from one partition to reach the end that the snapshot saw. */
export interface PartitionPlan {
  partitionId: string;
  after: Position;
  /** the last sequence number that the snapshot saw */
  upTo: number;
  /** how many messages that is; an upper bound where the start is a plain offset */
  available: number;
  /** mean size in bytes, from how far offsets are apart; undefined where offsets do not tell */
  meanBytes: number | undefined;
}

/** A reader's place in the hub, and what that leaves to read. */
export interface ReadingPlan {
  /** the cursor is of another hub, or of this one before it was recreated: everything starts anew */
  reset: boolean;
  /**
   * Where the reader stands before anything is read, in the order of the partitions' turns. Each partition in scope has
   * one, be there something to read or not: what retention takes of it from now on is a gap.
   */
  positions: Map<string, Position>;
  /** partitions with something to read, in the order of their turns */
  readings: PartitionPlan[];
  /** partitions that retention emptied beyond the position: there is nothing to read, but something was lost */
  gaps: Gap[];
}

/** Whether the cursor names what this hub cannot have given: it is of another hub, or this one was recreated. */
export function isStaleCursor(after: StartPosition, { hubTag, partitions }: HubSnapshot): boolean {
  if (after.kind !== 'cursor') return false;
  const { cursor } = after;
  const last = new Map(partitions.map((head) => [head.partitionId, head.lastSequenceNumber]));
  return (
    cursor.hubTag !== hubTag ||
    [...cursor.positions].some(([id, { sequenceNumber }]) => sequenceNumber > (last.get(id) ?? -1))
  );
}

/**
 * @param inScope ids of the partitions to read; positions of the others are carried over untouched
 */
export function planReading(
  after: StartPosition,
  snapshot: HubSnapshot,
  inScope: (partitionId: string) => boolean,
): ReadingPlan {
  const reset = isStaleCursor(after, snapshot);
  const known = after.kind === 'cursor' && !reset ? after.cursor.positions : new Map<string, Position>();
  const plan: ReadingPlan = { reset, positions: new Map(), readings: [], gaps: [] };

  for (const head of inTurn(snapshot.partitions, known)) {
    const { partitionId } = head;
    let position = known.get(partitionId);
    if (inScope(partitionId)) {
      position ??= firstPosition(after, head);
      if (head.lastSequenceNumber > position.sequenceNumber) {
        if (head.empty) {
          const lost = gapBetween(partitionId, position, head.lastSequenceNumber + 1);
          if (lost) plan.gaps.push(lost);
          position = endOf(head);
        } else {
          plan.readings.push(planPartition(head, position));
        }
      }
    }
    if (position) plan.positions.set(partitionId, position);
  }
  return plan;
}

/** What is missing between a position and the message that comes next; nothing where the position knows no number. */
export function gapBetween(partitionId: string, position: Position, next: number): Gap | undefined {
  const { sequenceNumber, offset } = position;
  if (sequenceNumber < 0 && offset !== NO_OFFSET) return undefined;
  return next > sequenceNumber + 1 ? { partitionId, from: sequenceNumber + 1, to: next - 1 } : undefined;
}

/** Those that no poll was for come first, by number. */
function inTurn(
  partitions: readonly PartitionProperties[],
  known: ReadonlyMap<string, Position>,
): PartitionProperties[] {
  const places = new Map([...known.keys()].map((id, place) => [id, place]));
  const placeOf = ({ partitionId }: PartitionProperties): number => places.get(partitionId) ?? -1;
  return [...partitions].sort((a, b) => placeOf(a) - placeOf(b));
}

/** Where a reader begins in a partition that its cursor does not name. */
function firstPosition(after: StartPosition, head: PartitionProperties): Position {
  if (after.kind === 'offset' && isPlainOffset(head.lastOffset)) {
    const last = BigInt(head.lastOffset);
    if (after.offset === last) return endOf(head);
    // A plain offset beyond this partition's end belongs to another partition: better repeated than lost.
    if (after.offset < last && !head.empty) return { sequenceNumber: -1, offset: String(after.offset) };
  }
  if (head.empty || after.kind === 'latest') return endOf(head);
  return { sequenceNumber: head.firstSequenceNumber - 1, offset: NO_OFFSET };
}

function endOf({ lastSequenceNumber, lastOffset }: PartitionProperties): Position {
  return { sequenceNumber: lastOffset === NO_OFFSET ? -1 : lastSequenceNumber, offset: lastOffset };
}

function planPartition(head: PartitionProperties, after: Position): PartitionPlan {
  const { partitionId, firstSequenceNumber, lastSequenceNumber: upTo, lastOffset } = head;
  const fromMessage = after.sequenceNumber >= 0 && isPlainOffset(after.offset);
  const [startOffset, span] = fromMessage
    ? [Number(after.offset), upTo - after.sequenceNumber]
    : [0, upTo + 1];
  return {
    partitionId,
    after,
    upTo,
    available: upTo - Math.max(after.sequenceNumber, firstSequenceNumber - 1),
    meanBytes: isPlainOffset(lastOffset) ? Math.max(0, Number(lastOffset) - startOffset) / span : undefined,
  };
}

/**
 * Shares `limit` out over partitions with news: each gets an equal part, what one does not need goes to the others,
 * and where it does not come out even those go first whose turn it is. Who was read goes behind those who were not, so
 * no partition with news waits for more than one round, however busy the others are and whichever a poll is for.
 *
 * @param readings in the order of their turns
 * @returns messages to read by partition id
 */
export function shareOut(
  limit: number,
  readings: readonly Pick<PartitionPlan, 'partitionId' | 'available'>[],
): Map<string, number> {
  const shares = new Map<string, number>();
  let left = limit;
  let wanting = readings;
  while (left > 0 && wanting.length > 0) {
    const each = Math.max(1, Math.floor(left / wanting.length));
    for (const { partitionId, available } of wanting) {
      if (left === 0) break;
      const had = shares.get(partitionId) ?? 0;
      const more = Math.min(each, available - had, left);
      shares.set(partitionId, had + more);
      left -= more;
    }
    wanting = wanting.filter(({ partitionId, available }) => (shares.get(partitionId) ?? 0) < available);
  }
  return shares;
}
