/** A block of memory that stores consecutive messages of a partition, with an index of their positions. */

/** Minimum size of a stored message, used for the size of the index. The annotations alone need more. */
const SMALLEST_MESSAGE_BYTES = 256;

/**
 * Consecutive messages in one block of memory, with their positions in typed arrays. So a million messages need a few
 * hundred objects, not millions.
 */
export class Segment {
  count = 0;
  private used = 0;
  private readonly bytes: Buffer;
  private readonly ends: Uint32Array;
  private readonly offsets: Float64Array;
  private readonly times: Float64Array;

  constructor(
    readonly firstSequenceNumber: number,
    readonly capacity: number,
  ) {
    const messages = Math.ceil(capacity / SMALLEST_MESSAGE_BYTES);
    this.bytes = Buffer.allocUnsafeSlow(capacity);
    this.ends = new Uint32Array(messages);
    this.offsets = new Float64Array(messages);
    this.times = new Float64Array(messages);
  }

  /** Bytes of the stored messages. */
  get bytesUsed(): number {
    return this.used;
  }

  hasRoomFor(payload: Buffer): boolean {
    return this.used + payload.length <= this.capacity && this.count < this.ends.length;
  }

  append(payload: Buffer, offset: number, time: number): void {
    this.used += payload.copy(this.bytes, this.used);
    this.ends[this.count] = this.used;
    this.offsets[this.count] = offset;
    this.times[this.count] = time;
    this.count++;
  }

  /** Removes this message and those after it. */
  dropFrom(sequenceNumber: number): void {
    this.count = Math.min(this.count, sequenceNumber - this.firstSequenceNumber);
    this.used = this.count === 0 ? 0 : (this.ends[this.count - 1] ?? 0);
  }

  contains(sequenceNumber: number): boolean {
    const index = sequenceNumber - this.firstSequenceNumber;
    return index >= 0 && index < this.count;
  }

  /** The encoded message, as a view and not a copy. */
  payload(sequenceNumber: number): Buffer {
    const index = sequenceNumber - this.firstSequenceNumber;
    return this.bytes.subarray(index === 0 ? 0 : this.ends[index - 1], this.ends[index]);
  }

  offset(sequenceNumber: number): number {
    return this.offsets[sequenceNumber - this.firstSequenceNumber] ?? NaN;
  }

  /** Enqueued time, Unix milliseconds. */
  time(sequenceNumber: number): number {
    return this.times[sequenceNumber - this.firstSequenceNumber] ?? NaN;
  }
}
