import { type StartPosition, NO_OFFSET, type Position, isPlainOffset } from './cursor';
import type { PartitionProperties } from '../eventHub/generation';
import type { HubSnapshot } from './hubSnapshot';

/** Messages that retention removed before they were read, as an inclusive range of sequence numbers. */
export interface Gap {
  partitionId: string;
  from: number;
  to: number;
}

/** The messages to read from one partition to reach the end in the snapshot. */
export interface PartitionPlan {
  partitionId: string;
  after: Position;
  /** the last sequence number in the snapshot */
  upTo: number;
  /** the number of these messages; an upper bound if the start is a plain offset */
  available: number;
  /** their mean size in bytes, from the difference of offsets; undefined if offsets are not numbers */
  meanBytes: number | undefined;
}

/** A reader's positions in the hub, and what is left to read. */
export interface ReadingPlan {
  /** the cursor comes from another hub, or from before this hub was recreated: reading restarts from the beginning */
  reset: boolean;
  /**
   * The reader's position in each partition before this poll, in the order of the partitions' turns. Every partition
   * in scope has one, even without messages to read, so that messages that retention removes from now on are reported
   * as a gap.
   */
  positions: Map<string, Position>;
  /** partitions with messages to read, in the order of their turns */
  readings: PartitionPlan[];
  /**
   * partitions in which retention removed all messages after the position: nothing is left to read, but messages were
   * lost
   */
  gaps: Gap[];
}

/**
 * Whether the cursor contains positions that this hub cannot have returned, because it comes from another hub or this
 * hub was recreated.
 */
export function isStaleCursor(after: StartPosition, { hubTag, partitions }: HubSnapshot): boolean {
  if (after.kind !== 'cursor') return false;
  const { cursor } = after;
  const last = new Map(partitions.map((head) => [head.partitionId, head.lastSequenceNumber]));
  return (
    cursor.hubTag !== hubTag ||
    [...cursor.positions].some(([id, { sequenceNumber }]) => sequenceNumber > (last.get(id) ?? -1))
  );
}

/** @param inScope ids of the partitions to read; positions of the others are kept unchanged */
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

/** The gap between a position and the next message; none if the position has no sequence number. */
export function gapBetween(partitionId: string, position: Position, next: number): Gap | undefined {
  const { sequenceNumber, offset } = position;
  if (sequenceNumber < 0 && offset !== NO_OFFSET) return undefined;
  return next > sequenceNumber + 1 ? { partitionId, from: sequenceNumber + 1, to: next - 1 } : undefined;
}

/** Partitions that no poll has read come first, by number. */
function inTurn(
  partitions: readonly PartitionProperties[],
  known: ReadonlyMap<string, Position>,
): PartitionProperties[] {
  const places = new Map([...known.keys()].map((id, place) => [id, place]));
  const placeOf = ({ partitionId }: PartitionProperties): number => places.get(partitionId) ?? -1;
  return [...partitions].sort((a, b) => placeOf(a) - placeOf(b));
}

/** The start position in a partition that the cursor does not contain. */
function firstPosition(after: StartPosition, head: PartitionProperties): Position {
  if (after.kind === 'offset' && isPlainOffset(head.lastOffset)) {
    const last = BigInt(head.lastOffset);
    if (after.offset === last) return endOf(head);
    // A plain offset beyond this partition's end belongs to another partition. Reading from the beginning may repeat
    // messages, but loses none.
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
 * Distributes `limit` over the partitions with messages. Each partition gets an equal share, unused parts are given to
 * the others, and the remainder goes to the partitions whose turn it is. Partitions that were read move behind those
 * that were not. So a partition with messages waits for at most one round, regardless of how busy the others are.
 *
 * @param readings in the order of their turns
 * @returns number of messages to read, by partition id
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
