import type { Sender } from 'rhea';
import type { PartitionLog } from '../partitionLog';
import { outgoingOf, sendPreSettled } from './rheaInternals';
import { runtimeMetric } from './runtimeMetric';
import type { AmqpCondition } from './selector';

/** Payload that surely fits in one transfer frame of 64 KB, the frame size that both sides open with. */
const PAYLOAD_PER_FRAME_BYTES = 65_000;
/** Messages that are sent before others have their turn and these leave: the client reads them while more are made. */
const MESSAGES_PER_TURN = 100;

export interface ReaderOptions {
  readonly consumerGroup: string;
  /** Undefined: not an exclusive reader. */
  readonly epoch: number | undefined;
  readonly name: string;
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
    if (this.nextSequenceNumber > log.lastSequenceNumber) return;
    const { credit } = this.link as Sender & { credit: number };
    const allowed = Math.min(most, credit, outgoing.available());
    let deliveries = Math.min(allowed, MESSAGES_PER_TURN);
    let frames = outgoing.transfer_window();
    const prefix = this.options.wantsRuntimeMetric ? runtimeMetric(log) : undefined;
    let sent = 0;
    for (; deliveries > 0; deliveries--) {
      const payload = log.payload(this.nextSequenceNumber);
      if (!payload) break;
      // A transfer that waits for the peer's window would block this session's other links: it is not begun.
      frames -= Math.ceil(payload.length / PAYLOAD_PER_FRAME_BYTES);
      if (frames < 0) break;
      sendPreSettled(this.link, prefix ? Buffer.concat([prefix, payload]) : payload);
      this.nextSequenceNumber++;
      sent++;
    }
    if (sent === MESSAGES_PER_TURN && sent < allowed) this.pumpSoon(0, allowed - sent);
    else if (sent > 0) this.wake();
  }
}
