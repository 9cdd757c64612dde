import type { Message } from 'rhea';
import type { Position } from '../feed/cursor';

/** What `$management` returns for an Event Hub. */
export interface HubProperties {
  name: string;
  createdAt: Date;
  partitionIds: readonly string[];
}

/** What `$management` returns for a partition. */
export interface PartitionProperties {
  partitionId: string;
  firstSequenceNumber: number;
  lastSequenceNumber: number;
  lastOffset: string;
  empty: boolean;
}

export interface ReceiveOptions {
  after: Position;
  /** messages that may arrive before more are asked for */
  credit: number;
  /** @param message as rhea decodes it */
  onMessage: (message: Message) => void;
  /** called once if the service or the connection ends the link, not after `close` */
  onEnd: (error: unknown) => void;
}

export interface PartitionReceiver {
  addCredit: (messages: number) => void;
  /** Ends the link; nobody needs to wait for it. */
  close: () => void;
}

/**
 * A connection to the Event Hub-compatible endpoint and all that depends on it. After a failure its state cannot be
 * trusted: it is used while it works, and replaced as a whole after any failure.
 */
export interface Generation {
  /** aborted when the connection has ended */
  readonly ended: AbortSignal;
  /** @throws {AmqpError} */
  readHub: () => Promise<HubProperties>;
  /**
   * Asks for all of them at once.
   *
   * @returns in the order asked for
   * @throws {AmqpError}
   */
  readPartitions: (partitionIds: readonly string[]) => Promise<PartitionProperties[]>;
  /**
   * Claims the right to a partition and attaches a receiver.
   *
   * @throws {AmqpError} if the claim is refused; later errors go to `onEnd`
   */
  receive: (partitionId: string, options: ReceiveOptions) => Promise<PartitionReceiver>;
  /** Marks the begin of work; the returned function marks its end. */
  hold: () => () => void;
  /** Gives it no new work, and ends it when the work under way is done. */
  retire: () => void;
}

/** A generation as its client sees it. */
export interface OwnedGeneration extends Generation {
  isUsable: () => boolean;
  end: () => void;
}
