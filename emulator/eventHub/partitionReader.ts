import type { Sender } from 'rhea';
import { creditOf, outgoingOf, returnCredit, sendEncoded, type AmqpCondition } from '../amqp';
import type { PartitionLog } from '../partitionLog';
import { runtimeMetric } from './runtimeMetric';

/** A transfer's header and fields; rhea leaves this much room in a frame beside the payload and the tag. */
const FRAME_OVERHEAD_BYTES = 80;
/** Messages that are sent before others have their turn and these leave: the client reads them while more are made. */
const MESSAGES_PER_TURN = 100;

export interface ReaderOptions {
  readonly consumerGroup: string;
  /** Undefined: not an exclusive reader. */
  readonly epoch: bigint | undefined;
  readonly name: string;
  readonly sendsSettled: boolean;
  readonly wantsRuntimeMetric: boolean;
  /** Milliseconds to hold messages back, when a fault says so. */
  readonly holdBackMs: () => number;
  readonly onClose: (reader: PartitionReader) => void;
}

/** One receiver of a client on one partition: sends what is there as credit and window allow. */
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
   * Pumps in a moment: never in the same turn as an attach or a flow, because rhea would write the transfers before
   * the attach that it has not yet answered.
   */
  wake(): void {
    if (this.scheduled || this.closed) return;
    const holdBackMs = this.nextSequenceNumber <= this.log.lastSequenceNumber ? this.options.holdBackMs() : 0;
    this.pumpSoon(holdBackMs);
  }

  /** @param most messages that may be sent, in turns, before others are held back */
  private pumpSoon(holdBackMs: number, most?: number): void {
    this.scheduled = true;
    const run = () => {
      this.scheduled = false;
      this.pump(most);
    };
    if (holdBackMs > 0) this.timer = setTimeout(run, holdBackMs);
    else setImmediate(run);
  }

  /** Ends the reader, with an error for the client when there is one to tell. */
  close(error?: AmqpCondition): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    this.options.onClose(this);
    if (error) this.link.close({ ...error });
  }

  private pump(most = Infinity): void {
    if (this.closed || !this.link.is_open()) return;
    const outgoing = outgoingOf(this.link.session);
    if (outgoing.next_delivery_id > outgoing.next_pending_delivery) {
      this.wake(); // rhea has yet to write what it was given
      return;
    }
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
    for (; deliveries > 0; deliveries--) {
      const stored = log.payload(this.nextSequenceNumber);
      if (!stored) break;
      const payload = prefix ? Buffer.concat([prefix, stored]) : stored;
      const needed = Math.ceil(payload.length / payloadPerFrame);
      frames -= needed;
      // A transfer that waits for the peer's window would block this session's other links: it is not begun, unless the
      // window never has room for it.
      if (frames < 0 && (sent > 0 || needed <= (outgoing.remote_window ?? 0))) break;
      sendEncoded(this.link, payload, this.options.sendsSettled);
      this.nextSequenceNumber++;
      sent++;
    }
    if (sent === MESSAGES_PER_TURN && sent < allowed) this.pumpSoon(0, allowed - sent);
    else if (sent > 0) this.wake();
  }

  private payloadPerFrame(): number {
    // The client's; absent, a frame has no limit.
    const { max_frame_size: maxFrameBytes } = this.link.connection as { max_frame_size?: number };
    return maxFrameBytes ? Math.max(1, maxFrameBytes - FRAME_OVERHEAD_BYTES) : Infinity;
  }
}
