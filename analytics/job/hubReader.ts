import {
  type EventPosition,
  EventHubConsumerClient,
  type ReceivedEventData,
  type SubscribeOptions,
  type Subscription,
} from '@azure/event-hubs';
import { type HubEvent, charactersOf } from '../event';

/** The sequence number of the last processed event, by partition. */
export type Checkpoint = ReadonlyMap<string, number>;

export interface ReadEvent extends HubEvent {
  partition: string;
  sequenceNumber: number;
}

export interface HubReaderOptions {
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
  /** resolves when all partitions are being read */
  started: Promise<void>;
  /** see {@link lastEventsOf}; without a connection, of no partition */
  lastEvents: (partitions: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  close: () => Promise<void>;
}

const MAX_BATCH_EVENTS = 1_000;
/** How long the SDK collects events before it delivers an incomplete batch. */
const MAX_WAIT_S = 0.25;
/**
 * Number of events of all partitions that the SDK may buffer ahead of the query: about 2 KB each, plus their bodies.
 */
const MAX_PREFETCHED_EVENTS = 8_000;
const MIN_PREFETCHED_EVENTS = 100;
const MAX_CHARACTERS_AT_ONCE = 1_000_000;
const RESTART_DELAY_MS = 1_000;
/** Timeout of the SDK's operations. Its default is a minute, for each of four attempts. */
const SDK_TIMEOUT_MS = 10_000;
/** Timeout of asking for the last event of a partition: the clock of the other partitions waits for it. */
const LAST_EVENT_TIMEOUT_MS = 2_000;

/** The SDK's options for reading this number of partitions. */
export function readingOptions(partitions: number): SubscribeOptions {
  const share = Math.floor(MAX_PREFETCHED_EVENTS / partitions);
  const prefetchCount = Math.max(MIN_PREFETCHED_EVENTS, Math.min(2 * MAX_BATCH_EVENTS, share));
  return {
    maxBatchSize: Math.min(MAX_BATCH_EVENTS, prefetchCount),
    maxWaitTimeInSeconds: MAX_WAIT_S,
    prefetchCount,
    skipParsingBodyAsJson: true,
  };
}

/**
 * Reads all partitions of a consumer group with the Event Hubs SDK, after the checkpoint. After any error, the client
 * is replaced by a new one, which continues from the checkpoint, because a client that has lost its connection is not
 * reliable.
 */
export function readHub(options: HubReaderOptions): HubReader {
  let stopped = false;
  const isStopped = (): boolean => stopped;
  let wake: (() => void) | undefined;
  let connected: EventHubConsumerClient | undefined;
  let markStarted: () => void;
  const started = new Promise<void>((resolve) => {
    markStarted = resolve;
  });

  async function readOnce(): Promise<void> {
    const { connectionString, consumerGroup, checkpoint, take } = options;
    const client = new EventHubConsumerClient(consumerGroup, connectionString, {
      retryOptions: { maxRetries: 0, timeoutInMs: SDK_TIMEOUT_MS },
    });
    const subscriptions: Subscription[] = [];
    let over = false;
    const isOver = (): boolean => over || stopped;
    try {
      let fail: (error: Error) => void;
      const failed = new Promise<void>((_, reject) => {
        fail = reject;
      });
      failed.catch(() => undefined);
      const done = await checkpoint();
      const partitions = await client.getPartitionIds();
      options.onPartitions?.(partitions);
      for (const partition of partitions) {
        const startPosition = await positionAfter(client, partition, done.get(partition), options);
        subscriptions.push(
          client.subscribe(
            partition,
            {
              processEvents: async (events) => {
                for (const some of bySize(events, partition)) {
                  // Events that the new client reads again must not be processed after events that the old client
                  // still delivers.
                  if (isOver()) return;
                  await take(some).catch(fail);
                }
              },
              processError: (error) => {
                fail(error);
                return Promise.resolve();
              },
            },
            { ...readingOptions(partitions.length), startPosition },
          ),
        );
      }
      markStarted();
      connected = client;
      if (isStopped()) return;
      await Promise.race([failed, new Promise<void>((resolve) => (wake = resolve))]);
    } finally {
      over = true;
      connected = undefined;
      // Closing a broken client may not settle. Its resources are freed when the process ends.
      const closed = Promise.allSettled([...subscriptions.map((one) => one.close()), client.close()]);
      await Promise.race([closed, delay(RESTART_DELAY_MS)]);
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
      const client = connected;
      if (!client) return new Map();
      return lastEventsOf(client, partitions);
    },
    close: async () => {
      stopped = true;
      wake?.();
      await finished;
    },
  };
}

/**
 * The sequence numbers of the last events in these partitions; -1 for an empty one. Partitions that do not respond in
 * time are absent.
 */
export async function lastEventsOf(
  client: Pick<EventHubConsumerClient, 'getPartitionProperties'>,
  partitions: readonly string[],
  timeoutMs = LAST_EVENT_TIMEOUT_MS,
): Promise<ReadonlyMap<string, number>> {
  const ends = await Promise.allSettled(
    partitions.map(async (partition): Promise<[string, number]> => {
      const abort = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      // A call on a lost connection may not settle, and may not heed the signal.
      const timeout = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          abort.abort();
          reject(new Error(`partition ${partition} does not respond`));
        }, timeoutMs);
      });
      try {
        const properties = client.getPartitionProperties(partition, { abortSignal: abort.signal });
        const { isEmpty, lastEnqueuedSequenceNumber } = await Promise.race([properties, timeout]);
        return [partition, isEmpty ? -1 : lastEnqueuedSequenceNumber];
      } finally {
        clearTimeout(timer);
      }
    }),
  );
  return new Map(ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : [])));
}

/** The start position. A checkpoint beyond the end means that the hub was recreated. */
async function positionAfter(
  client: EventHubConsumerClient,
  partition: string,
  sequenceNumber: number | undefined,
  { onReset }: HubReaderOptions,
): Promise<EventPosition> {
  const { isEmpty, lastEnqueuedSequenceNumber, beginningSequenceNumber } =
    await client.getPartitionProperties(partition);
  const fromStart = { offset: '-1' };
  if (sequenceNumber === undefined) return fromStart;
  if (sequenceNumber > lastEnqueuedSequenceNumber) {
    onReset(partition);
    return fromStart;
  }
  return isEmpty || sequenceNumber < beginningSequenceNumber - 1
    ? fromStart
    : { sequenceNumber, isInclusive: false };
}

/** Passes large events in small groups, because as texts they use V8's heap, unlike the SDK's buffers. */
export function* bySize(
  events: readonly ReceivedEventData[],
  partition: string,
): Generator<readonly ReadEvent[]> {
  let some: ReadEvent[] = [];
  let characters = 0;
  for (const received of events) {
    const event = toReadEvent(received, partition);
    some.push(event);
    characters += charactersOf(event);
    if (characters < MAX_CHARACTERS_AT_ONCE) continue;
    yield some;
    [some, characters] = [[], 0];
  }
  if (some.length > 0) yield some;
}

function toReadEvent(event: ReceivedEventData, partition: string): ReadEvent {
  const system = (event.systemProperties ?? {}) as Record<string, unknown>;
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  const properties = event.properties;
  return {
    partition,
    sequenceNumber: event.sequenceNumber,
    body: Buffer.isBuffer(event.body) ? event.body.toString('utf8') : String(event.body),
    enqueuedUs: event.enqueuedTimeUtc.getTime() * 1_000,
    partitionId: Number(partition),
    deviceId: text(system['iothub-connection-device-id']),
    messageId: text(event.messageId),
    correlationId: text(event.correlationId),
    generationId: text(system['iothub-connection-auth-generation-id']),
    properties: properties && Object.keys(properties).length > 0 ? JSON.stringify(properties) : undefined,
  };
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
