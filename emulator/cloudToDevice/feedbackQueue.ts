/** The feedback that services receive about their cloud-to-device messages. */

import { randomUUID } from 'node:crypto';
import { IotHubError } from '../iotHubError';
import type { Acknowledgement, Outcome } from './cloudMessage';
import {
  FEEDBACK_BATCH_RECORDS,
  FEEDBACK_INTERVAL_MS,
  FEEDBACK_LOCK_MS,
  FEEDBACK_MAX_DELIVERY_COUNT,
  FEEDBACK_TTL_MS,
  MAX_FEEDBACK_BATCHES,
} from './limits';
import type { Ending, MessageQueues } from './messageQueues';

/** The content type of feedback messages (iot-hub-devguide-messages-c2d, "Message feedback"). */
export const FEEDBACK_CONTENT_TYPE = 'application/vnd.microsoft.iothub.feedback.json';

/** A record as the hub writes it (iot-hub-devguide-messages-c2d, "Message feedback"). */
export interface FeedbackRecord {
  readonly originalMessageId: string | null;
  /** When the outcome happened, ISO 8601. */
  readonly enqueuedTimeUtc: string;
  readonly statusCode: Outcome;
  readonly description: Outcome;
  readonly deviceId: string;
  readonly deviceGenerationId: string;
}

/** A feedback message, which a service has locked. */
export interface FeedbackBatch {
  readonly records: readonly FeedbackRecord[];
  readonly sequenceNumber: number;
  /** Unix time in ms. */
  readonly enqueuedTime: number;
  readonly deliveryCount: number;
  readonly lockToken: string;
}

/** The hub's queue of feedback messages. Its receivers compete. */
export interface FeedbackQueue {
  /** Locks the next message for a minute. Returns undefined if there is none. */
  receive(): FeedbackBatch | undefined;
  /** `complete` and `abandon` throw IotHubError if the lock is not held any more. */
  complete(lockToken: string): void;
  /** Returns the message to the queue, and counts the delivery. */
  abandon(lockToken: string): void;
  /** Returns the message to the queue without counting the delivery. Has no effect without the lock. */
  release(lockToken: string): void;
  /** Calls the listener when a message can be received. Returns a function that removes the listener. */
  onAvailable(listener: () => void): () => void;
  clear(): void;
}

interface Entry {
  readonly records: readonly FeedbackRecord[];
  readonly sequenceNumber: number;
  readonly enqueuedTime: number;
  deliveryCount: number;
  lock: { readonly token: string; readonly timer: NodeJS.Timeout } | undefined;
}

/** "positive": only if the message was completed. "negative": only if it was not. "full": in both cases. */
const REQUESTED_BY: Readonly<Record<Acknowledgement, (outcome: Outcome) => boolean>> = {
  none: () => false,
  positive: (outcome) => outcome === 'Success',
  negative: (outcome) => outcome !== 'Success',
  full: () => true,
};

export function createFeedbackQueue(messages: MessageQueues): FeedbackQueue {
  const listeners = new Set<() => void>();
  let queue: Entry[] = [];
  let pending: FeedbackRecord[] = [];
  let lastSequenceNumber = 0;
  let lastSent = 0;
  let timer: NodeJS.Timeout | undefined;

  const available = (): void => listeners.forEach((listener) => listener());
  const remove = (entry: Entry): void => {
    clearTimeout(entry.lock?.timer);
    queue = queue.filter((other) => other !== entry);
  };
  const unlock = (entry: Entry, counts: boolean): void => {
    clearTimeout(entry.lock?.timer);
    entry.lock = undefined;
    if (counts && ++entry.deliveryCount >= FEEDBACK_MAX_DELIVERY_COUNT) remove(entry);
    else available();
  };
  const locked = (token: string): Entry => {
    const entry = queue.find(({ lock }) => lock?.token === token);
    if (!entry) throw new IotHubError('DeviceMessageLockLost', 'The lock of the message is not held.');
    return entry;
  };

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    lastSent = Date.now();
    const sequenceNumber = ++lastSequenceNumber;
    const entry = { records: pending, sequenceNumber, enqueuedTime: lastSent, deliveryCount: 0 };
    queue = [...queue.slice(1 - MAX_FEEDBACK_BATCHES), { ...entry, lock: undefined }];
    pending = [];
    available();
  };

  /** "the batch reaches 64 messages, or 15 seconds have passed since the last" feedback message. */
  messages.onEnded(({ deviceId, generationId, message, outcome }: Ending) => {
    if (!REQUESTED_BY[message.acknowledgement](outcome)) return;
    pending.push({
      originalMessageId: message.messageId ?? null,
      enqueuedTimeUtc: new Date().toISOString(),
      statusCode: outcome,
      description: outcome,
      deviceId,
      deviceGenerationId: generationId,
    });
    if (pending.length >= FEEDBACK_BATCH_RECORDS) flush();
    else timer ??= setTimeout(flush, Math.max(0, lastSent + FEEDBACK_INTERVAL_MS - Date.now())).unref();
  });

  return {
    receive() {
      const expired = Date.now() - FEEDBACK_TTL_MS;
      queue = queue.filter(({ lock, enqueuedTime }) => lock !== undefined || enqueuedTime > expired);
      const entry = queue.find(({ lock }) => !lock);
      if (!entry) return undefined;
      const token = randomUUID();
      entry.lock = { token, timer: setTimeout(() => unlock(entry, true), FEEDBACK_LOCK_MS).unref() };
      const { records, sequenceNumber, enqueuedTime, deliveryCount } = entry;
      return { records, sequenceNumber, enqueuedTime, deliveryCount, lockToken: token };
    },
    complete: (token) => remove(locked(token)),
    abandon: (token) => unlock(locked(token), true),
    release(token) {
      const entry = queue.find(({ lock }) => lock?.token === token);
      if (entry) unlock(entry, false);
    },
    onAvailable(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    clear() {
      clearTimeout(timer);
      timer = undefined;
      for (const entry of queue) remove(entry);
      pending = [];
    },
  };
}
