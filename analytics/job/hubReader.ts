/** Reads the events of a hub for a job. */

import { charactersOf } from '../event';
import type { HubConnection, HubMessage, OpenHub, PartitionEnds } from './hubConnection';
import { type ReadEvent, bySize } from './readEvent';

/** The sequence number of the last processed event, by partition. */
export type Checkpoint = ReadonlyMap<string, number>;

export interface HubReaderOptions {
  openHub: OpenHub;
  connectionString: string;
  consumerGroup: string;
  /** returns where to continue; called whenever reading restarts */
  checkpoint: () => Promise<Checkpoint>;
  /** called with all partitions before events are read */
  onPartitions?: (partitions: readonly string[]) => void;
  /** called if a partition was recreated since the checkpoint, so that it is read from its beginning */
  onReset: (partition: string) => void;
  /** called with events of one partition, in order; the next events are passed when it has settled */
  take: (events: readonly ReadEvent[]) => Promise<void>;
  /** called with the error before a retry */
  onError: (error: Error) => void;
}

export interface HubReader {
  /**
   * resolves when the messages of all partitions have been requested. If the hub rejects a request later, for example
   * because the consumer group does not exist, `onError` is called.
   */
  started: Promise<void>;
  /** see {@link lastEventsOf}; without a connection, of no partition */
  lastEvents: (partitions: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  close: () => Promise<void>;
}

/**
 * How many messages of all partitions are requested ahead of the query, and their bytes, if no message is larger than
 * the largest recent one. Each also takes about 2 KB. If small messages are followed by large ones, the requested
 * messages take up to {@link MAX_MESSAGE_BYTES} each, because AMQP cannot take a request back.
 */
const MAX_PREFETCHED = { messages: 8_000, bytes: 64_000_000 };
/** The number of messages that are requested of one partition. */
const MAX_CREDIT = 2_000;
/**
 * A message of a device (https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling). The first
 * messages that are requested may all have this size.
 */
const MAX_MESSAGE_BYTES = 262_144;
/** After each delivery, the size of the largest recent message decreases by this factor until a larger one arrives. */
const SIZE_DECAY = 0.9;
const RESTART_DELAY_MS = 1_000;
/** Timeout of asking for the last event of a partition: the clock of the other partitions waits for it. */
const LAST_EVENT_TIMEOUT_MS = 2_000;

/**
 * Reads all partitions of a consumer group, after the checkpoint. After any error, the connection is replaced by a new
 * one, which continues from the checkpoint.
 */
export function readHub(options: HubReaderOptions): HubReader {
  let stopped = false;
  const isStopped = (): boolean => stopped;
  let wake: (() => void) | undefined;
  let connected: HubConnection | undefined;
  let markStarted: () => void;
  const started = new Promise<void>((resolve) => {
    markStarted = resolve;
  });

  async function readOnce(): Promise<void> {
    const connection = options.openHub(options.connectionString, options.consumerGroup);
    let over = false;
    try {
      let fail: (error: unknown) => void;
      const failed = new Promise<void>((_, reject) => {
        fail = reject;
      });
      failed.catch(() => undefined);
      const done = await options.checkpoint();
      const partitions = await connection.partitionIds();
      options.onPartitions?.(partitions);
      for (const ends of await connection.readPartitions(partitions))
        await receive(connection, {
          partition: ends.partitionId,
          after: startAfter(ends, done.get(ends.partitionId), options),
          partitions: partitions.length,
          take: options.take,
          // Events that the new connection reads again must not be processed after events that the old one delivered.
          isOver: () => over || stopped,
          onError: (error) => {
            fail(error);
          },
        });
      markStarted();
      connected = connection;
      if (isStopped()) return;
      await Promise.race([failed, new Promise<void>((resolve) => (wake = resolve))]);
    } finally {
      over = true;
      connected = undefined;
      connection.close();
    }
  }

  const finished = (async () => {
    while (!isStopped()) {
      await readOnce().catch((error: unknown) => {
        if (!isStopped()) options.onError(error as Error);
      });
      if (!isStopped()) await delay(RESTART_DELAY_MS);
    }
  })();

  return {
    started,
    lastEvents: async (partitions) => {
      const connection = connected;
      if (!connection) return new Map();
      return lastEventsOf(connection, partitions);
    },
    close: async () => {
      stopped = true;
      wake?.();
      await finished;
    },
  };
}

interface Partition {
  partition: string;
  after: number | undefined;
  /** number of all partitions */
  partitions: number;
  take: HubReaderOptions['take'];
  isOver: () => boolean;
  onError: (error: unknown) => void;
}

/** Receives the messages of a partition, and grants new credit for those that have been taken. */
async function receive(
  connection: HubConnection,
  { partition, after, partitions, take, isOver, onError }: Partition,
): Promise<void> {
  let arrived: HubMessage[] = [];
  let credit = creditFor(MAX_MESSAGE_BYTES, partitions);
  let largest = 0;
  let delivering = false;
  async function deliver(): Promise<void> {
    while (arrived.length > 0) {
      const messages = arrived;
      arrived = [];
      largest *= SIZE_DECAY;
      for (const some of bySize(messages, partition)) {
        if (isOver()) return;
        largest = some.reduce((most, event) => Math.max(most, charactersOf(event)), largest);
        await take(some);
      }
      const wanted = creditFor(largest, partitions);
      // Half of it at once, because each grant is a frame of its own.
      if (credit > wanted / 2) continue;
      link.addCredit(wanted - credit);
      credit = wanted;
    }
  }
  const link = await connection.receive(partition, {
    after,
    credit,
    onMessage: (message) => {
      credit -= 1;
      arrived.push(message);
      if (delivering) return;
      delivering = true;
      // The messages that arrived with it are delivered with it.
      setImmediate(() => {
        deliver()
          .catch(onError)
          .finally(() => {
            delivering = false;
          });
      });
    },
    onEnd: onError,
  });
}

/** The credit for messages of up to this size. */
function creditFor(bytes: number, partitions: number): number {
  const { messages, bytes: most } = MAX_PREFETCHED;
  const fitting = Math.min(messages, most / Math.max(1, bytes)) / partitions;
  return Math.min(MAX_CREDIT, Math.max(1, Math.floor(fitting)));
}

/**
 * The sequence numbers of the last events in these partitions; -1 for an empty one. Partitions that do not respond in
 * time are absent.
 */
export async function lastEventsOf(
  connection: Pick<HubConnection, 'readPartitions'>,
  partitions: readonly string[],
  timeoutMs = LAST_EVENT_TIMEOUT_MS,
): Promise<ReadonlyMap<string, number>> {
  const ends = await Promise.allSettled(
    partitions.map(async (partition): Promise<[string, number]> => {
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`partition ${partition} does not respond`));
        }, timeoutMs);
      });
      try {
        const [found] = await Promise.race([connection.readPartitions([partition]), timeout]);
        return [partition, !found || found.empty ? -1 : found.lastSequenceNumber];
      } finally {
        clearTimeout(timer);
      }
    }),
  );
  return new Map(ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : [])));
}

/** Where to start: undefined for the beginning. A checkpoint beyond the end means that the hub was recreated. */
function startAfter(
  { partitionId, firstSequenceNumber, lastSequenceNumber, empty }: PartitionEnds,
  sequenceNumber: number | undefined,
  { onReset }: HubReaderOptions,
): number | undefined {
  if (sequenceNumber === undefined) return undefined;
  if (sequenceNumber > lastSequenceNumber) {
    onReset(partitionId);
    return undefined;
  }
  return empty || sequenceNumber < firstSequenceNumber - 1 ? undefined : sequenceNumber;
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
