import { encodeTelemetry, type TelemetryMessage } from './encodeTelemetry';
import { Segment } from './segment';

/** Small first, so that 32 idle partitions cost little; large later, so that a backlog is few segments. */
const FIRST_SEGMENT_BYTES = 64 * 1024;
const LARGEST_SEGMENT_BYTES = 4 * 1024 * 1024;
/** Offsets on the service count bytes and are aligned to eight. */
const OFFSET_ALIGNMENT = 8;
/** What the service reports as the time of a partition that never had a message: 0001-01-01T00:00:00Z. */
const NEVER_MS = -62_135_596_800_000;

/** Which of a message's places a search goes by. */
export type PositionKind = 'offset' | 'sequenceNumber' | 'enqueuedTime';

/** One partition of the built-in endpoint: an append-only log in memory. */
export class PartitionLog {
  private segments: Segment[] = [];
  private recent: Segment | undefined;
  private begin = 0;
  private next = 0;
  private nextOffset = 0;
  /** Of the last message ever appended; -1 and NEVER_MS on a fresh partition, as on the service. */
  lastOffset = -1;
  lastEnqueuedTime = NEVER_MS;

  constructor(readonly id: string) {}

  /** The oldest message still kept; one past the last when there is none. */
  get beginSequenceNumber(): number {
    return this.begin;
  }

  /** The last message ever appended, -1 when there never was one. */
  get lastSequenceNumber(): number {
    return this.next - 1;
  }

  get count(): number {
    return this.next - this.begin;
  }

  get isEmpty(): boolean {
    return this.next === this.begin;
  }

  /** Stores a message; sequence numbers have no gaps and times never go back, as on the service. */
  append(message: TelemetryMessage, now: number): void {
    const enqueuedTime = Math.max(now, this.lastEnqueuedTime);
    const sequenceNumber = this.next;
    const offset = this.nextOffset;
    const payload = encodeTelemetry(message, { sequenceNumber, offset, enqueuedTime });
    this.segmentFor(payload).append(payload, offset, enqueuedTime);
    this.next++;
    this.lastOffset = offset;
    this.lastEnqueuedTime = enqueuedTime;
    this.nextOffset = offset + Math.ceil(payload.length / OFFSET_ALIGNMENT) * OFFSET_ALIGNMENT;
  }

  /** The encoded message, or undefined when it is not (or no longer) here. A view, not a copy. */
  payload(sequenceNumber: number): Buffer | undefined {
    return sequenceNumber < this.begin ? undefined : this.segmentOf(sequenceNumber)?.payload(sequenceNumber);
  }

  /** Sequence number of the first kept message past `value` (at or past it, when inclusive); one past the last if none. */
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

  /** Forgets the messages before `sequenceNumber`, as retention does. Sequence numbers go on. */
  expireBefore(sequenceNumber: number): void {
    this.begin = Math.min(Math.max(sequenceNumber, this.begin), this.next);
    this.segments = this.segments.filter((s) => s.firstSequenceNumber + s.count > this.begin);
    this.recent = undefined;
  }

  /** Leaves a hole in the offsets, as the service does from one of its segments to the next. */
  jumpOffset(by: number): void {
    this.nextOffset += by;
  }

  /** As new: what a hub that was recreated has. */
  reset(): void {
    this.segments = [];
    this.recent = undefined;
    this.begin = this.next = this.nextOffset = 0;
    this.lastOffset = -1;
    this.lastEnqueuedTime = NEVER_MS;
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
