import { message as amqp, type Message, type Sender } from 'rhea';
import { sendsSettled } from './answerAttach';
import { creditOf, returnCredit, sendEncoded } from './rheaInternals';

/** A client that sends requests without credit for the responses is disconnected at this number. */
const MAX_WAITING = 1_000;

/**
 * A link that sends responses to requests. Responses wait here for the client's credit. If they waited in rhea, they
 * would block every other link of the session.
 */
export class ReplyLink {
  private readonly waiting: Buffer[] = [];
  /**
   * Responses that rhea will write at the end of this turn. Until then, rhea still counts their credit as available.
   */
  private unwritten = 0;

  constructor(readonly link: Sender) {}

  send(response: Message): void {
    if (this.waiting.length >= MAX_WAITING) {
      this.link.close({
        condition: 'amqp:resource-limit-exceeded',
        description: `${MAX_WAITING} responses wait for credit on this link.`,
      });
      return;
    }
    this.waiting.push(amqp.encode(response));
    this.flush();
  }

  /** Call it when the link has received credit. */
  flush(): void {
    const { credit, isDraining } = creditOf(this.link);
    const responses = this.waiting.splice(0, Math.max(0, credit - this.unwritten));
    for (const response of responses) sendEncoded(this.link, response, sendsSettled(this.link));
    this.unwritten += responses.length;
    setImmediate(() => (this.unwritten -= responses.length));
    if (isDraining && this.waiting.length === 0) setImmediate(() => returnCredit(this.link));
  }
}
