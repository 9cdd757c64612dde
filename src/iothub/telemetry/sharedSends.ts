import { setTimeout as delay } from 'node:timers/promises';
import { Problem } from '../../problems';
import { MAX_BATCH_BYTES } from './batch';
import type { SendOutcome } from './sendOutcome';
import type { DeviceMessage } from './telemetryMessage';

/** Maximum number of messages in one HTTPS batch. An error of a whole batch affects at most this many messages. */
const MAX_BATCH_MESSAGES = 500;

/** Sends batches as one device, and returns the outcome of each message. */
export type SendBatch = (batch: readonly DeviceMessage[]) => Promise<Map<DeviceMessage, SendOutcome>>;

/** The queue of one gateway, which many requests share. */
export interface SharedSends {
  /** @returns in the order of `messages` */
  send: (messages: readonly DeviceMessage[], signal: AbortSignal) => Promise<SendOutcome[]>;
}

interface Waiting {
  message: DeviceMessage;
  /** the deadline of the request that the message belongs to */
  signal: AbortSignal;
  settle: (outcome: SendOutcome) => void;
}

/**
 * Sends one batch at a time, at most one per interval. An idle gateway sends immediately, and messages that arrive
 * during a send go into the next batch. So messages stay in order, and on a busy gateway more messages share one
 * operation of the hub.
 */
export function createSharedSends(sendBatch: SendBatch, leastIntervalMs: number): SharedSends {
  let lastStart = -Infinity;
  let waiting: Waiting[] = [];
  let isSending = false;

  function takeBatch(): Waiting[] {
    let bytes = 1;
    let count = 0;
    for (const { message } of waiting) {
      bytes += message.batchItem.length + 1;
      if (count > 0 && (bytes > MAX_BATCH_BYTES || count === MAX_BATCH_MESSAGES)) break;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  }

  async function sendAll(): Promise<void> {
    isSending = true;
    while (waiting.length > 0) {
      // An idle gateway sends immediately. A busy one waits, so that more messages share its next operation.
      const pause = lastStart + leastIntervalMs - performance.now();
      if (pause > 0) await delay(pause);
      lastStart = performance.now();
      const batch = takeBatch();
      const live = batch.filter(({ signal }) => !signal.aborted);
      if (live.length === 0) continue;
      const outcomes = await sendBatch(live.map(({ message }) => message)).catch((error: unknown) => error);
      for (const { message, settle } of live) {
        if (outcomes instanceof Map) settle((outcomes as Map<DeviceMessage, SendOutcome>).get(message));
        else settle(outcomes instanceof Problem ? outcomes : unavailable());
      }
    }
    isSending = false;
  }

  return {
    send: (messages, signal) =>
      Promise.all(
        messages.map(
          (message) =>
            new Promise<SendOutcome>((settle) => {
              waiting.push({ message, signal, settle });
              const onAbort = (): void => {
                settle(outOfTime());
              };
              signal.addEventListener('abort', onAbort, { once: true });
              // Sends after this turn of the event loop, so that all messages of a request go together.
              if (!isSending) {
                isSending = true;
                queueMicrotask(() => void sendAll());
              }
            }),
        ),
      ),
  };
}

const RETRY_SECONDS = 5;
const outOfTime = (): Problem =>
  new Problem('hub_timeout', 'IoT Hub did not respond before the deadline of the request.', RETRY_SECONDS);
const unavailable = (): Problem =>
  new Problem('hub_unavailable', 'IoT Hub could not be reached or failed.', RETRY_SECONDS);
