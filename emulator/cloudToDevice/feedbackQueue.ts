/** The feedback that services receive about their cloud-to-device messages. */

import { NO_JOURNAL } from '../dataFolder';
import { createServiceQueue, type ServiceQueue } from '../serviceQueue';
import type { Acknowledgement, Outcome } from './cloudMessage';
import { FEEDBACK_BATCH_RECORDS, FEEDBACK_INTERVAL_MS } from './limits';
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

/** The hub's queue of feedback messages, each with several records. */
export type FeedbackQueue = Omit<ServiceQueue<readonly FeedbackRecord[]>, 'add'>;

/** "positive": only if the message was completed. "negative": only if it was not. "full": in both cases. */
const REQUESTED_BY: Readonly<Record<Acknowledgement, (outcome: Outcome) => boolean>> = {
  none: () => false,
  positive: (outcome) => outcome === 'Success',
  negative: (outcome) => outcome !== 'Success',
  full: () => true,
};

export function createFeedbackQueue(messages: MessageQueues): FeedbackQueue {
  const queue = createServiceQueue<readonly FeedbackRecord[]>(NO_JOURNAL, 'feedback');
  let pending: FeedbackRecord[] = [];
  let lastSent = 0;
  let timer: NodeJS.Timeout | undefined;

  const discard = (): void => {
    clearTimeout(timer);
    timer = undefined;
    pending = [];
  };
  const flush = (): void => {
    const records = pending;
    discard();
    lastSent = Date.now();
    queue.add(records, lastSent);
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
    ...queue,
    clear() {
      discard();
      queue.clear();
    },
    close() {
      discard();
      queue.close();
    },
  };
}
