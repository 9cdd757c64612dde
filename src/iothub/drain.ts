import {
  earliestEventPosition,
  type EventPosition,
  type ReceivedEventData,
  type Subscription,
} from '@azure/event-hubs';
import type { Generation } from './eventHubClient';
import { type EncodedFeedMessage, encodeFeedMessage } from './feedMessage';
import type { PartitionPlan } from './readingPlan';

/** Messages that are asked for at a time; the SDK's default of one gives 129 messages a second. */
const MAX_BATCH = 1_000;
/** Messages under way that nobody has asked to be processed yet; bounds what is sent in vain when a share ends. */
const MAX_PREFETCH = 5_000;
const MIN_PREFETCH = 16;

/** What was read from one partition, in order. */
export interface Drained {
  partitionId: string;
  messages: EncodedFeedMessage[];
  /** why it ended before its share was read */
  error?: unknown;
}

export interface DrainLimits {
  /** messages, at least 1 */
  share: number;
  /** bytes of the answer; the first message may be larger */
  bytes: number;
  /** ends the reading, keeping what was read */
  signal: AbortSignal;
}

/**
 * Reads one partition with a receiver of its own: exactly `share` messages, or to the end that the plan saw, or
 * until `bytes` are full. It never fails: an error comes with the messages that were read before it.
 */
export function drainPartition(
  generation: Generation,
  plan: PartitionPlan,
  limits: DrainLimits,
): Promise<Drained> {
  const { partitionId, upTo } = plan;
  const { share, signal } = limits;
  return new Promise((resolve) => {
    const release = generation.hold();
    const messages: EncodedFeedMessage[] = [];
    let bytes = 0;
    let subscription: Subscription | undefined;
    let done = false;

    const finish = (error?: unknown): void => {
      if (done) return;
      done = true;
      generation.ended.removeEventListener('abort', onLost);
      signal.removeEventListener('abort', onLate);
      // The link closes in the background: an answer need not wait for it. Nothing is left to do if it fails.
      subscription?.close().catch(() => undefined);
      release();
      resolve(error === undefined ? { partitionId, messages } : { partitionId, messages, error });
    };
    const onLost = (): void => {
      finish(generation.ended.reason);
    };
    const onLate = (): void => {
      finish(signal.reason);
    };
    const take = (event: ReceivedEventData): void => {
      if (done) return;
      const message = encodeFeedMessage(partitionId, event);
      if (messages.length > 0 && bytes + message.bytes > limits.bytes) {
        finish();
        return;
      }
      messages.push(message);
      bytes += message.bytes;
      if (messages.length >= share || event.sequenceNumber >= upTo) finish();
    };

    if (signal.aborted || generation.ended.aborted) {
      finish(signal.aborted ? signal.reason : generation.ended.reason);
      return;
    }
    generation.ended.addEventListener('abort', onLost, { once: true });
    signal.addEventListener('abort', onLate, { once: true });
    try {
      subscription = generation.client.subscribe(
        partitionId,
        {
          processEvents: (events) => {
            events.forEach(take);
            return Promise.resolve();
          },
          processError: (error) => {
            finish(error);
            return Promise.resolve();
          },
        },
        {
          startPosition: eventPosition(plan),
          maxBatchSize: Math.min(share, MAX_BATCH),
          prefetchCount: prefetchFor(plan, limits),
          maxWaitTimeInSeconds: 1,
          skipParsingBodyAsJson: true,
        },
      );
    } catch (error) {
      finish(error);
    }
  });
}

function eventPosition({ start }: PartitionPlan): EventPosition {
  if ('after' in start) return { sequenceNumber: start.after.sequenceNumber };
  if ('afterOffset' in start) return { offset: start.afterOffset };
  return earliestEventPosition;
}

/** As many as the share, but no more of large messages than about twice what the answer can hold. */
function prefetchFor({ meanBytes }: PartitionPlan, { share, bytes }: DrainLimits): number {
  const fitting = meanBytes ? Math.max(MIN_PREFETCH, Math.ceil((2 * bytes) / meanBytes)) : MAX_PREFETCH;
  return Math.min(share, fitting, MAX_PREFETCH);
}
