import { type After, type Position, isPlainOffset, partitionNumber } from './cursor';
import type { PartitionProperties } from './eventHub/client';
import type { HubSnapshot } from './snapshot';

/** Messages that retention removed before they were read: sequence numbers, both included. */
export interface Gap {
  partitionId: string;
  from: number;
  to: number;
}

/** What is to be read from one partition to reach the end that the snapshot saw. */
export interface PartitionPlan {
  partitionId: string;
  start: { at: 'beginning' } | { after: Position } | { afterOffset: string };
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
  /** positions that are known before anything is read */
  positions: Map<string, Position>;
  /** partitions with something to read */
  readings: PartitionPlan[];
  /** partitions that retention emptied beyond the position: there is nothing to read, but something was lost */
  gaps: Gap[];
}

/** Whether the cursor names what this hub cannot have given: it is of another hub, or this one was recreated. */
export function isForeign(after: After, { hubTag, partitions }: HubSnapshot): boolean {
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
  after: After,
  snapshot: HubSnapshot,
  inScope: (partitionId: string) => boolean,
): ReadingPlan {
  const reset = isForeign(after, snapshot);
  const known = after.kind === 'cursor' && !reset ? after.cursor.positions : new Map<string, Position>();
  const plan: ReadingPlan = { reset, positions: new Map(known), readings: [], gaps: [] };

  for (const head of snapshot.partitions) {
    if (!inScope(head.partitionId)) continue;
    const position =
      known.get(head.partitionId) ?? (after.kind === 'offset' ? endAt(after.offset, head) : undefined);
    if (position) plan.positions.set(head.partitionId, position);
    if (head.lastSequenceNumber <= (position?.sequenceNumber ?? -1)) continue;
    if (!head.empty) {
      plan.readings.push(planPartition(head, position, after));
    } else if (position) {
      plan.gaps.push({
        partitionId: head.partitionId,
        from: position.sequenceNumber + 1,
        to: head.lastSequenceNumber,
      });
      plan.positions.set(head.partitionId, {
        sequenceNumber: head.lastSequenceNumber,
        offset: head.lastOffset,
      });
    }
  }
  return plan;
}

/** A plain offset that is exactly a partition's last one means that the partition has been read to its end. */
function endAt(offset: bigint, head: PartitionProperties): Position | undefined {
  const isEnd = head.lastSequenceNumber >= 0 && head.lastOffset === String(offset);
  return isEnd ? { sequenceNumber: head.lastSequenceNumber, offset: head.lastOffset } : undefined;
}

function planPartition(
  head: PartitionProperties,
  position: Position | undefined,
  after: After,
): PartitionPlan {
  const { partitionId, firstSequenceNumber, lastSequenceNumber: upTo, lastOffset } = head;
  const numeric = isPlainOffset(lastOffset);
  // A plain offset beyond this partition's end belongs to another partition: better repeated than lost.
  const withinPartition = after.kind === 'offset' && numeric && after.offset < BigInt(lastOffset);
  const from = Math.max(position?.sequenceNumber ?? -1, firstSequenceNumber - 1);
  const startOffset = position && isPlainOffset(position.offset) ? Number(position.offset) : undefined;
  const span = startOffset === undefined ? upTo + 1 : upTo - (position?.sequenceNumber ?? -1);
  return {
    partitionId,
    start: position
      ? { after: position }
      : withinPartition
        ? { afterOffset: String(after.offset) }
        : { at: 'beginning' },
    upTo,
    available: upTo - from,
    meanBytes: numeric ? Math.max(0, Number(lastOffset) - (startOffset ?? 0)) / span : undefined,
  };
}

/**
 * Shares `limit` out over partitions with news: each gets an equal part, what one does not need goes to the others,
 * and where it does not come out even the partition whose turn it is goes first. With the turn kept in the cursor,
 * a partition with news waits for at most one round, however busy the others are.
 *
 * @returns messages to read by partition id, and the partition whose turn is next
 */
export function shareOut(
  limit: number,
  readings: readonly Pick<PartitionPlan, 'partitionId' | 'available'>[],
  turn: number,
): { shares: Map<string, number>; turn: number } {
  const inTurn = (id: string): number => (partitionNumber(id) < turn ? 1 : 0);
  const queue = [...readings].sort(
    (a, b) => inTurn(a.partitionId) - inTurn(b.partitionId) || Number(a.partitionId) - Number(b.partitionId),
  );
  const shares = new Map<string, number>();
  let left = limit;
  let wanting = queue;
  let nextTurn = turn;
  while (left > 0 && wanting.length > 0) {
    const each = Math.max(1, Math.floor(left / wanting.length));
    for (const { partitionId, available } of wanting) {
      if (left === 0) break;
      const had = shares.get(partitionId) ?? 0;
      const more = Math.min(each, available - had, left);
      shares.set(partitionId, had + more);
      left -= more;
      nextTurn = partitionNumber(partitionId) + 1;
    }
    wanting = wanting.filter(({ partitionId, available }) => (shares.get(partitionId) ?? 0) < available);
  }
  return { shares, turn: left === 0 && wanting.length > 0 ? nextTurn : turn };
}
