import { message as amqp, type Sender } from 'rhea';
import { abortDelivery, creditOf, outgoingOf, returnCredit, sendEncoded, type AmqpCondition } from '../amqp';
import type { PartitionLog } from '../partitionLog';
import { runtimeMetric } from './runtimeMetric';

/** Bytes that rhea reserves in a frame for the header and fields of a transfer, besides the payload and the tag. */
const FRAME_OVERHEAD_BYTES = 80;
/** A described type with a small ulong as its descriptor. */
const DATA_DESCRIPTOR_BYTES = 3;
const MAX_VBIN8_BYTES = 255;
/**
 * No more messages are sent to a client while more unsent bytes than this are buffered for it. The size of the buffers
 * of Event Hubs is not published.
 */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
/** Messages that are sent before the event loop continues. The client can then read them while more are prepared. */
const MESSAGES_PER_TURN = 100;

export interface ReaderOptions {
  readonly consumerGroup: string;
  /** Undefined: the reader is not exclusive. */
  readonly epoch: bigint | undefined;
  readonly name: string;
  readonly sendsSettled: boolean;
  readonly wantsRuntimeMetric: boolean;
  /** Delay of messages in ms, set by a fault. */
  readonly holdBackMs: () => number;
  /** Bytes that are buffered because the client has not read them. After `drain`, the reader must be woken. */
  readonly unsentBytes: () => number;
  readonly onClose: (reader: PartitionReader) => void;
}

/** A client's receiver on one partition. It sends the stored messages as credit and session window allow. */
export class PartitionReader {
  private scheduled = false;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly link: Sender,
    readonly log: PartitionLog,
    private nextSequenceNumber: number,
    readonly options: ReaderOptions,
  ) {}

  /**
   * Sends in a later turn of the event loop than an attach or a flow. In the same turn, rhea would write the transfers
   * before its response to the attach.
   */
  wake(): void {
    if (this.scheduled || this.closed) return;
    const holdBackMs = this.nextSequenceNumber <= this.log.lastSequenceNumber ? this.options.holdBackMs() : 0;
    this.pumpSoon(holdBackMs);
  }

  /** @param most maximum number of messages to send before other readers have their turn */
  private pumpSoon(holdBackMs: number, most?: number): void {
    this.scheduled = true;
    const run = () => {
      this.scheduled = false;
      this.pump(most);
    };
    if (holdBackMs > 0) this.timer = setTimeout(run, holdBackMs);
    else setImmediate(run);
  }

  /** Ends the reader, and sends the client the error if there is one. */
  close(error?: AmqpCondition): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    this.options.onClose(this);
    if (error) this.link.close({ ...error });
  }

  /** Sends the next message up to its body and aborts it; the next delivery begins with the same message. */
  abortDelivery(): boolean {
    const stored = this.log.payload(this.nextSequenceNumber);
    if (!stored || this.closed || creditOf(this.link).credit === 0) return false;
    abortDelivery(this.link, stored.subarray(0, stored.length - dataSectionBytes(stored)));
    return true;
  }

  private pump(most = Infinity): void {
    if (this.closed || !this.link.is_open() || this.options.unsentBytes() > MAX_UNSENT_BYTES) return;
    const outgoing = outgoingOf(this.link.session);
    // rhea still holds an earlier message, because the client gave no more window or credit. A flow will wake this reader.
    if (outgoing.next_delivery_id > outgoing.next_pending_delivery) return;
    const { log } = this;
    this.nextSequenceNumber = Math.max(this.nextSequenceNumber, log.beginSequenceNumber);
    const { credit, isDraining } = creditOf(this.link);
    if (this.nextSequenceNumber > log.lastSequenceNumber || credit === 0) {
      if (isDraining && credit > 0) returnCredit(this.link);
      return;
    }
    const allowed = Math.min(most, credit, outgoing.available());
    let deliveries = Math.min(allowed, MESSAGES_PER_TURN);
    let frames = outgoing.transfer_window();
    const payloadPerFrame = this.payloadPerFrame();
    const prefix = this.options.wantsRuntimeMetric ? runtimeMetric(log) : undefined;
    let sent = 0;
    let sentBytes = 0;
    for (; deliveries > 0 && sentBytes <= MAX_UNSENT_BYTES; deliveries--) {
      const stored = log.payload(this.nextSequenceNumber);
      if (!stored) break;
      const payload = prefix ? Buffer.concat([prefix, stored]) : stored;
      const needed = Math.ceil(payload.length / payloadPerFrame);
      // A transfer that waits for the peer's window would block the other links of the session. So it does not start
      // before the window has room. A message that is larger than the whole window starts when the window has any room.
      const fitsWindow = needed <= (outgoing.remote_window ?? 0);
      if (needed > frames && (fitsWindow || sent > 0 || frames <= 0)) break;
      frames -= needed;
      sendEncoded(this.link, payload, this.options.sendsSettled);
      this.nextSequenceNumber++;
      sent++;
      sentBytes += payload.length;
    }
    if (sent === MESSAGES_PER_TURN && sent < allowed) this.pumpSoon(0, allowed - sent);
    else if (sent > 0) this.wake();
  }

  private payloadPerFrame(): number {
    // The client's limit. If absent, frames have no limit.
    const { max_frame_size: maxFrameBytes } = this.link.connection as { max_frame_size?: number };
    return maxFrameBytes ? Math.max(1, maxFrameBytes - FRAME_OVERHEAD_BYTES) : Infinity;
  }
}

/**
 * Size of the data section, the last one of a message: descriptor, constructor, size and content (AMQP 1.0, 1.6.19 and
 * 3.2.6).
 */
function dataSectionBytes(stored: Buffer): number {
  const { content } = (amqp.decode(stored) as unknown as { body: { content: Buffer } }).body;
  const sizeBytes = content.length <= MAX_VBIN8_BYTES ? 1 : 4;
  return DATA_DESCRIPTOR_BYTES + 1 + sizeBytes + content.length;
}
