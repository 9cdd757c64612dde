import { message as amqp, type Delivery, type Message, type Sender } from 'rhea';
import { sendsSettled } from './answerAttach';
import { creditOf, outgoingOf, returnCredit, sendEncoded, unwrittenOf } from './rheaInternals';

/** A client that sends requests without credit for the responses is disconnected at this number. */
const MAX_WAITING = 1_000;

/**
 * A link on which the client receives. Messages wait here for the client's credit. If they waited in rhea, they would
 * block every other link of the session.
 */
export class OutgoingLink {
  private readonly waiting: Buffer[] = [];

  constructor(readonly link: Sender) {}

  /**
   * Sends a message as soon as the client has given credit.
   *
   * @param message or its encoded bytes
   */
  send(message: Message | Buffer): void {
    if (this.waiting.length >= MAX_WAITING) {
      this.link.close({
        condition: 'amqp:resource-limit-exceeded',
        description: `${MAX_WAITING} messages wait for credit on this link.`,
      });
      return;
    }
    this.waiting.push(Buffer.isBuffer(message) ? message : amqp.encode(message));
    this.flush();
  }

  /** Sends a message that the client settles. Call it only when there is credit. */
  deliver(message: Message, tag: Buffer): Delivery {
    return this.link.send(amqp.encode(message), tag, 0);
  }

  /**
   * The number of messages that the client accepts now. It is limited by the deliveries of the session that the client
   * has not settled: rhea keeps them, and emits `sendable` when it has room again.
   */
  credit(): number {
    if (!this.link.is_open()) return 0;
    const allowed = creditOf(this.link).credit - unwrittenOf(this.link);
    return Math.max(0, Math.min(allowed, outgoingOf(this.link.session).available()));
  }

  /** Call it when the link has received credit. */
  flush(): void {
    const messages = this.waiting.splice(0, this.credit());
    for (const message of messages) sendEncoded(this.link, message, sendsSettled(this.link));
    this.returnUnusedCredit();
  }

  /** Returns the credit of a client that drains the link, when no message waits. */
  returnUnusedCredit(): void {
    const { isDraining } = creditOf(this.link);
    if (isDraining && this.waiting.length === 0) setImmediate(() => returnCredit(this.link));
  }
}
