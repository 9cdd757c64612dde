import type { Delivery, Message, Receiver, Sender } from 'rhea';
import type { AmqpCondition } from './condition';

/** A link on which the client receives. */
export interface LinkSource {
  /** The client has given credit. */
  wake(): void;
  /** The client has stated the outcome of a message, or has settled it without an outcome. */
  settled?(delivery: Delivery, outcome: DeliveryOutcome): void;
  /** Ends the link, and sends the client the error if there is one. */
  close(error?: AmqpCondition): void;
}

/** The outcomes of a delivery (AMQP 1.0, 3.4), and a settlement. */
export const DELIVERY_OUTCOMES = ['accepted', 'rejected', 'released', 'modified', 'settled'] as const;
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

/** A link on which the client sends. */
export interface LinkTarget {
  /** @param message undecoded if it has another format than AMQP's own */
  receive(message: Message | Buffer, delivery: Delivery & { readonly format?: number }): void;
  /** The link has ended. */
  close(): void;
}

/** Attaches the links of one client. An attach that is rejected returns its error. */
export interface ClientLinks {
  /** @param path of the entity from which the client wants to receive */
  attachSource(link: Sender, path: string): LinkSource | AmqpCondition;
  /** @param path of the entity to which the client wants to send */
  attachTarget(link: Receiver, path: string): LinkTarget | AmqpCondition;
}
