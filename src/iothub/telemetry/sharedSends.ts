import { setTimeout as delay } from 'node:timers/promises';
import { Problem } from '../../problems';
import { MAX_BATCH_BYTES } from './batch';
import type { SendOutcome } from './sendOutcome';
import type { DeviceMessage } from './telemetryMessage';

/** Messages of one HTTPS batch: an outcome of the whole concerns no more than that. */
const MAX_BATCH_MESSAGES = 500;

/** Sends batches as one device, and returns the outcome of each message. */
export type SendBatch = (batch: readonly DeviceMessage[]) => Promise<Map<DeviceMessage, SendOutcome>>;

/** The sends of one gateway, which many requests share. */
export interface SharedSends {
  /** @returns in the order of `messages` */
  send: (messages: readonly DeviceMessage[], signal: AbortSignal) => Promise<SendOutcome[]>;
}

interface Waiting {
  message: DeviceMessage;
  /** the end of the time of the request that it came with */
  signal: AbortSignal;
  settle: (outcome: SendOutcome) => void;
}

/**
 * One batch at a time, and no more often than the interval: an idle gateway sends at once, and what comes during a send goes into the next batch. So messages
 * stay in order, and the busier a gateway is the more messages share an operation of the hub.
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
      // An idle gateway sends at once. A busy one waits, so that more messages share its next operation.
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
              // After this turn: what the same request has more goes along.
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
  new Problem('hub_timeout', 'IoT Hub did not answer in the time that one request has.', RETRY_SECONDS);
const unavailable = (): Problem =>
  new Problem('hub_unavailable', 'IoT Hub could not be reached or failed.', RETRY_SECONDS);
