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
  /** number of messages that may arrive before more are requested */
  credit: number;
  /** @param message as rhea decodes it */
  onMessage: (message: Message) => void;
  /** called once if the service or the connection ends the link, not after `close` */
  onEnd: (error: unknown) => void;
}

export interface PartitionReceiver {
  addCredit: (messages: number) => void;
  /** Ends the link. Callers need not wait for it. */
  close: () => void;
}

/**
 * A connection to the Event Hub-compatible endpoint, with everything that depends on it. After a failure its state
 * cannot be trusted, so the whole generation is replaced.
 */
export interface Generation {
  /** aborted when the connection has ended */
  readonly ended: AbortSignal;
  /** @throws {AmqpError} */
  readHub: () => Promise<HubProperties>;
  /**
   * Requests the properties of all these partitions at once.
   *
   * @returns in the order of the request
   * @throws {AmqpError}
   */
  readPartitions: (partitionIds: readonly string[]) => Promise<PartitionProperties[]>;
  /**
   * Claims access to a partition and attaches a receiver.
   *
   * @throws {AmqpError} if the claim is rejected; later errors are reported to `onEnd`
   */
  receive: (partitionId: string, options: ReceiveOptions) => Promise<PartitionReceiver>;
  /** Marks the start of work. The returned function marks its end. */
  hold: () => () => void;
  /** Assigns no new work to this generation, and ends it when the current work is done. */
  retire: () => void;
}

/** A generation with the interface for its client. */
export interface OwnedGeneration extends Generation {
  isUsable: () => boolean;
  end: () => void;
}
