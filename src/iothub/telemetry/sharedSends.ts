import { setTimeout as delay } from 'node:timers/promises';
import { Problem } from '../../errorCodes';
import { MAX_BATCH_BYTES } from './batch';
import { type SendOutcome, isOfOneMessage } from './sendOutcome';
import type { SendRate } from './sendRate';
import type { DeviceMessage } from './telemetryMessage';

/** Messages per HTTPS batch. A rejection of the batch affects at most this many. */
const MAX_BATCH_MESSAGES = 500;
/**
 * Maximum size of the messages that wait for a gateway: 16 full batches. With more, messages would wait for seconds.
 */
const MAX_WAITING_BYTES = 16 * MAX_BATCH_BYTES;
const RETRY_SECONDS = 5;

/** Sends batches as one device, and returns the outcome of each message. */
export type SendBatch = (batch: readonly DeviceMessage[]) => Promise<Map<DeviceMessage, SendOutcome>>;

/** The queue of one gateway, which many requests share. */
export interface SharedSends {
  /**
   * @param deadline when the request ends, in `performance.now()` time. Deadlines must not decrease from one call to
   * the next.
   * @returns in the order of `messages`
   */
  send: (messages: readonly DeviceMessage[], deadline: number) => Promise<SendOutcome[]>;
}

/**
 * If a message of the request is rejected for a reason that concerns all its messages, the remaining ones are not sent.
 * They would arrive before the rejected message is sent again.
 */
interface SharedRequest {
  deadline: number;
  refusal: SendOutcome;
}

interface Unsettled {
  message: DeviceMessage;
  request: SharedRequest;
  settle: (outcome: SendOutcome) => void;
  /** the hub has throttled it */
  wasThrottled: boolean;
}

/**
 * Sends one batch at a time. An idle gateway sends at once. Messages that arrive during a send share the next batch. So a
 * visitor's messages stay in order, and a busy gateway needs fewer operations per message.
 *
 * Throttled messages go to the front of the next batch, until the deadline of their request.
 */
export function createSharedSends(sendBatch: SendBatch, rate: Pick<SendRate, 'take'>): SharedSends {
  let waiting: Unsettled[] = [];
  let waitingBytes = 0;
  let isSending = false;
  const deadlines = createDeadlines();

  function takeBatch(): Unsettled[] {
    let bytes = 1;
    let count = 0;
    for (const { message } of waiting) {
      bytes += message.batchItem.length + 1;
      if (count > 0 && (bytes > MAX_BATCH_BYTES || count === MAX_BATCH_MESSAGES)) break;
      waitingBytes -= message.batchItem.length;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    for (const each of batch) if (each.request.refusal) settle(each, each.request.refusal);
    return batch.filter((each) => deadlines.has(each));
  }

  function settle(each: Unsettled, outcome: SendOutcome): void {
    if (outcome && !isOfOneMessage(outcome)) each.request.refusal ??= outcome;
    deadlines.delete(each);
    each.settle(outcome);
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const wait = rate.take();
      if (wait > 0) await delay(wait);
      const batch = takeBatch();
      if (batch.length === 0) continue;
      const outcomes = await sendBatch(batch.map(({ message }) => message)).catch(asProblem);
      const again: Unsettled[] = [];
      for (const each of batch) {
        const outcome = outcomes instanceof Map ? outcomes.get(each.message) : outcomes;
        if (outcomes instanceof Map && outcome?.code === 'hub_throttled' && deadlines.has(each)) {
          each.wasThrottled = true;
          waitingBytes += each.message.batchItem.length;
          again.push(each);
        } else {
          settle(each, outcome);
        }
      }
      if (again.length > 0) waiting = [...again, ...waiting];
    }
    isSending = false;
  }

  return {
    send: (messages, deadline) => {
      if (waitingBytes > MAX_WAITING_BYTES) return Promise.resolve(messages.map(throttled));
      const request: SharedRequest = { deadline, refusal: undefined };
      const sent = messages.map(
        (message) =>
          new Promise<SendOutcome>((settle) => {
            const each: Unsettled = { message, request, settle, wasThrottled: false };
            waiting.push(each);
            waitingBytes += message.batchItem.length;
            deadlines.add(each);
          }),
      );
      if (!isSending) {
        isSending = true;
        // The requests that have arrived in this turn of the event loop share the batch.
        setImmediate(() => void sendAll());
      }
      return Promise.all(sent);
    },
  };
}

interface Deadlines {
  add: (each: Unsettled) => void;
  /** whether it is not settled yet */
  has: (each: Unsettled) => boolean;
  delete: (each: Unsettled) => void;
}

/**
 * Settles messages at their deadlines. One timer is enough, because messages are added in the order of their deadlines.
 */
function createDeadlines(): Deadlines {
  const unsettled = new Set<Unsettled>();
  let timer: NodeJS.Timeout | undefined;

  function arm(): void {
    const [first] = unsettled;
    timer = first && setTimeout(expire, first.request.deadline - performance.now()).unref();
  }
  function expire(): void {
    const now = performance.now();
    for (const each of unsettled) {
      if (each.request.deadline > now) break;
      unsettled.delete(each);
      each.settle(each.wasThrottled ? throttled() : outOfTime());
    }
    arm();
  }
  return {
    add: (each) => {
      unsettled.add(each);
      if (!timer) arm();
    },
    has: (each) => unsettled.has(each),
    delete: (each) => void unsettled.delete(each),
  };
}

const outOfTime = (): Problem =>
  new Problem('hub_timeout', 'IoT Hub did not respond before the deadline of the request.', RETRY_SECONDS);
const throttled = (): Problem =>
  new Problem('hub_throttled', 'IoT Hub is throttling this kind of request.', RETRY_SECONDS);
const asProblem = (error: unknown): Problem =>
  error instanceof Problem
    ? error
    : new Problem('hub_unavailable', 'IoT Hub could not be reached or failed.', RETRY_SECONDS);
