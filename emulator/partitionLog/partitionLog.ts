import { encodeTelemetry, type MessagePosition, type TelemetryMessage } from './encodeTelemetry';
import { Segment } from './segment';

/**
 * The first segments are small, so that 32 idle partitions use little memory. Later ones are large, so that a backlog
 * has few segments.
 */
const FIRST_SEGMENT_BYTES = 64 * 1024;
const LARGEST_SEGMENT_BYTES = 4 * 1024 * 1024;
/** Offsets on the service count bytes and are aligned to eight. */
const OFFSET_ALIGNMENT = 8;
/** The time that the service reports for a partition that never had a message: 0001-01-01T00:00:00Z. */
const NEVER_MS = -62_135_596_800_000;

/** The property of a message that a search compares. */
export type PositionKind = 'offset' | 'sequenceNumber' | 'enqueuedTime';

/** The positions of a partition. */
export interface PartitionPosition {
  /** Sequence numbers of the oldest stored message and of the next one. */
  readonly begin: number;
  readonly next: number;
  readonly nextOffset: number;
  readonly lastOffset: number;
  /** Unix time in ms. */
  readonly lastEnqueuedTime: number;
}

/** A message as it is stored. */
export interface StoredTelemetry extends MessagePosition {
  readonly payload: Buffer;
}

/** Keeps the messages of a partition beyond the end of the process. */
export interface PartitionStore {
  /**
   * Writes all messages or none.
   *
   * @param before the position before these messages
   * @throws IotHubError ServiceUnavailable if the write fails
   */
  append(messages: readonly StoredTelemetry[], before: PartitionPosition): void;
  /** @throws as append() */
  savePosition(position: PartitionPosition): void;
  /** Deletes messages before `position.begin`. */
  expire(position: PartitionPosition): void;
  /** Deletes all messages. @throws as append() */
  reset(position: PartitionPosition): void;
}

/** One partition of the built-in endpoint: an append-only log in memory, and in a store if it has one. */
export class PartitionLog {
  private segments: Segment[] = [];
  private recent: Segment | undefined;
  private store: PartitionStore | undefined;
  private isGrouping = false;
  /** The position before the messages that the store does not have yet. */
  private unsavedFrom: PartitionPosition | undefined;
  private begin = 0;
  private next = 0;
  private nextOffset = 0;
  /** Properties of the last appended message; -1 and NEVER_MS for a new partition, as in the service. */
  lastOffset = -1;
  lastEnqueuedTime = NEVER_MS;

  constructor(readonly id: string) {}

  /** Sequence number of the oldest stored message; one past the last one if none is stored. */
  get beginSequenceNumber(): number {
    return this.begin;
  }

  /** Sequence number of the last appended message; -1 if there never was one. */
  get lastSequenceNumber(): number {
    return this.next - 1;
  }

  get count(): number {
    return this.next - this.begin;
  }

  get isEmpty(): boolean {
    return this.next === this.begin;
  }

  /**
   * Stores all messages or none. As in the service, sequence numbers have no gaps and times never decrease.
   *
   * @throws IotHubError ServiceUnavailable if the store cannot write them
   */
  append(messages: readonly TelemetryMessage[], now: number): void {
    const before = this.position();
    for (const message of messages) this.add(message, now);
    if (!this.store) return;
    this.unsavedFrom ??= before;
    if (!this.isGrouping) this.save();
  }

  /**
   * Runs synchronous work, and writes the messages that it appends to the store together. If the write fails, none of
   * them is stored.
   *
   * @throws as append(), and what the work throws
   */
  group(work: () => void): void {
    this.isGrouping = true;
    try {
      work();
    } finally {
      this.isGrouping = false;
      this.save();
    }
  }

  private save(): void {
    const before = this.unsavedFrom;
    if (!before) return;
    this.unsavedFrom = undefined;
    try {
      this.store?.append(this.storedFrom(before.next), before);
    } catch (error) {
      this.dropFrom(before);
      throw error;
    }
  }

  private add(message: TelemetryMessage, now: number): void {
    const enqueuedTime = Math.max(now, this.lastEnqueuedTime);
    const position = { sequenceNumber: this.next, offset: this.nextOffset, enqueuedTime };
    this.restore({ ...position, payload: encodeTelemetry(message, position) });
  }

  /** Adds a message that the store has. */
  restore({ offset, enqueuedTime, payload }: StoredTelemetry): void {
    this.segmentFor(payload).append(payload, offset, enqueuedTime);
    this.next++;
    this.lastOffset = offset;
    this.lastEnqueuedTime = enqueuedTime;
    this.nextOffset = offset + Math.ceil(payload.length / OFFSET_ALIGNMENT) * OFFSET_ALIGNMENT;
  }

  /**
   * Applies a position that the store has. Returns whether it follows what has been restored.
   *
   * @param isFirst nothing has been restored yet: messages before this position have been deleted
   */
  restorePosition(position: PartitionPosition, isFirst: boolean): boolean {
    if (!isFirst && position.next !== this.next) return false;
    if (isFirst) this.begin = position.next;
    this.next = position.next;
    this.nextOffset = position.nextOffset;
    this.lastOffset = position.lastOffset;
    this.lastEnqueuedTime = position.lastEnqueuedTime;
    this.discardBefore(position.begin);
    return true;
  }

  /** From now on, the store gets all changes. */
  keepIn(store: PartitionStore): void {
    this.store = store;
  }

  position(): PartitionPosition {
    const { begin, next, nextOffset, lastOffset, lastEnqueuedTime } = this;
    return { begin, next, nextOffset, lastOffset, lastEnqueuedTime };
  }

  /** The encoded message as a view, not a copy. Undefined if the message is not stored or no longer stored. */
  payload(sequenceNumber: number): Buffer | undefined {
    return sequenceNumber < this.begin ? undefined : this.segmentOf(sequenceNumber)?.payload(sequenceNumber);
  }

  /**
   * Sequence number of the first stored message after `value` (or at it, if inclusive). One past the last message if
   * there is none.
   */
  seek(kind: PositionKind, value: number, inclusive: boolean): number {
    let low = this.begin;
    let high = this.next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = this.placeOf(kind, middle);
      if (inclusive ? found >= value : found > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Bytes of the stored messages. */
  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytesUsed, 0);
  }

  /**
   * The oldest block of messages, if a newer one follows: its size, its enqueued time (ms), and the sequence number
   * after its last message.
   */
  oldestBlock(): { readonly bytes: number; readonly time: number; readonly end: number } | undefined {
    const [oldest, newer] = this.segments;
    if (!oldest || !newer) return undefined;
    const { firstSequenceNumber, bytesUsed } = oldest;
    return {
      bytes: bytesUsed,
      time: oldest.time(firstSequenceNumber),
      end: newer.firstSequenceNumber,
    };
  }

  /** Deletes the messages before `sequenceNumber`, as retention does. Sequence numbers continue. */
  expireBefore(sequenceNumber: number): void {
    const { begin } = this;
    this.discardBefore(sequenceNumber);
    if (this.begin > begin) this.store?.expire(this.position());
  }

  /** Leaves a gap in the offsets, as the service does between its segments. */
  jumpOffset(by: number): void {
    this.store?.savePosition({ ...this.position(), nextOffset: this.nextOffset + by });
    this.nextOffset += by;
  }

  /** Resets the partition to its initial state, as in a recreated hub. */
  reset(): void {
    this.segments = [];
    this.recent = undefined;
    this.begin = this.next = this.nextOffset = 0;
    this.lastOffset = -1;
    this.lastEnqueuedTime = NEVER_MS;
    this.store?.reset(this.position());
  }

  private discardBefore(sequenceNumber: number): void {
    this.begin = Math.min(Math.max(sequenceNumber, this.begin), this.next);
    this.segments = this.segments.filter((s) => s.firstSequenceNumber + s.count > this.begin);
    this.recent = undefined;
  }

  /** Removes the messages that were added after this position. */
  private dropFrom(position: PartitionPosition): void {
    this.segments = this.segments.filter((s) => s.firstSequenceNumber < position.next);
    this.segments.at(-1)?.dropFrom(position.next);
    this.recent = undefined;
    this.next = position.next;
    this.nextOffset = position.nextOffset;
    this.lastOffset = position.lastOffset;
    this.lastEnqueuedTime = position.lastEnqueuedTime;
  }

  private storedFrom(first: number): StoredTelemetry[] {
    const messages: StoredTelemetry[] = [];
    for (let n = first; n < this.next; n++) {
      const payload = this.payload(n);
      const offset = this.placeOf('offset', n);
      const enqueuedTime = this.placeOf('enqueuedTime', n);
      if (payload) messages.push({ sequenceNumber: n, offset, enqueuedTime, payload });
    }
    return messages;
  }

  private placeOf(kind: PositionKind, sequenceNumber: number): number {
    if (kind === 'sequenceNumber') return sequenceNumber;
    const segment = this.segmentOf(sequenceNumber);
    return (kind === 'offset' ? segment?.offset(sequenceNumber) : segment?.time(sequenceNumber)) ?? NaN;
  }

  private segmentFor(payload: Buffer): Segment {
    const last = this.segments.at(-1);
    if (last?.hasRoomFor(payload)) return last;
    const grown = last ? Math.min(last.capacity * 2, LARGEST_SEGMENT_BYTES) : FIRST_SEGMENT_BYTES;
    const segment = new Segment(this.next, Math.max(grown, payload.length));
    this.segments.push(segment);
    return segment;
  }

  private segmentOf(sequenceNumber: number): Segment | undefined {
    if (this.recent?.contains(sequenceNumber)) return this.recent;
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const segment = this.segments[middle];
      if (segment && segment.firstSequenceNumber + segment.count <= sequenceNumber) low = middle + 1;
      else high = middle;
    }
    const found = this.segments[low];
    this.recent = found?.contains(sequenceNumber) ? found : undefined;
    return this.recent;
  }
}
