/** What a job needs of a client of the Event Hub-compatible endpoint. The caller of the job provides the client. */

/** A message as the AMQP library rhea decodes it. */
export interface HubMessage {
  body?: unknown;
  message_annotations?: unknown;
  application_properties?: unknown;
  message_id?: unknown;
  correlation_id?: unknown;
}

/** The sequence numbers that a partition holds. */
export interface PartitionEnds {
  partitionId: string;
  firstSequenceNumber: number;
  lastSequenceNumber: number;
  empty: boolean;
}

export interface ReceiveOptions {
  /** the sequence number after which events are received; undefined: from the first one */
  after: number | undefined;
  /** number of messages that may arrive before more are requested */
  credit: number;
  onMessage: (message: HubMessage) => void;
  /** called once if the hub or the connection ends the link, not after `close` */
  onEnd: (error: unknown) => void;
}

export interface PartitionLink {
  addCredit: (messages: number) => void;
  close: () => void;
}

/** A connection to the endpoint. After an error it is not used any more: its links and operations fail. */
export interface HubConnection {
  partitionIds: () => Promise<readonly string[]>;
  /** @returns in the order of the request */
  readPartitions: (partitions: readonly string[]) => Promise<readonly PartitionEnds[]>;
  receive: (partition: string, options: ReceiveOptions) => Promise<PartitionLink>;
  close: () => void;
}

/** Opens a connection, which can be used immediately. */
export type OpenHub = (connectionString: string, consumerGroup: string) => HubConnection;
