/** Decides when queued messages are sent: batching, pauses after failures, and the last send when a page closes. */

import { sendBeacon } from './beacon';
import type { DeviceSource } from './device';
import type { Message } from './message';
import type { Options } from './options';
import { type Outcome, type Result, firstBatch, noResponse, postBatch } from './post';
import type { Queue } from './queue';
import type { Report } from './reporting';

const MAX_BATCH_MESSAGES = 100;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** If sending fails for this long, it counts as impossible, and the queue is limited. */
const FAILING_MS = 3_000;

export interface Sender {
  /** Sends the queued messages. Resolves when all are sent or an attempt has failed; never rejects. */
  drain: () => Promise<void>;
  /**
   * Called with the number of newly queued messages. Sends immediately if enough are waiting, otherwise after
   * `batchTime`.
   */
  plan: (queued: number) => void;
  /** Retries now, but not before the time that the server requested. */
  retryNow: () => void;
  /** Called when the page closes. It may be restored from the back/forward cache. */
  leave: () => void;
  comeBack: () => void;
  /** Ignores the results of the messages that are being sent, because they were withdrawn. */
  withdraw: () => void;
}

/**
 * Sends the queue in batches, one request at a time.
 *
 * @param isActive whether this tab may send
 * @param isSender whether it sends for all tabs
 */
export function createSender(
  { endpoint, batchSize, batchTime, maxQueued }: Options,
  queue: Queue,
  device: DeviceSource,
  report: Report,
  isActive: () => boolean,
  isSender: () => boolean,
): Sender {
  /** The ids of the batch that is being sent. Replaced by a new set when the batch is withdrawn. */
  let underWay = new Set<string>();
  /** Messages that an intermediary rejected although they were sent alone. The others are sent first. */
  const suspects = new Set<string>();
  /** number of messages queued since the queue was last read */
  let waiting = 0;
  let limit = MAX_BATCH_MESSAGES;
  let failures = 0;
  let failingSince = 0;
  let notBefore = 0;
  let serverNotBefore = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerAt = Infinity;
  let running: Promise<void> | undefined;
  /** After `pagehide`, the page does not get the responses to its requests. */
  let isLeaving = false;
  /** `drain` was called since the queue was last read. */
  let again = false;

  const now = (): number => performance.now();

  const schedule = (delay: number): void => {
    const at = Math.max(now() + delay, notBefore);
    if (at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(() => {
      timerAt = Infinity;
      void drain();
    }, at - now());
  };

  const drain = (): Promise<void> => {
    again = true;
    return (running ??= run());
  };

  const run = async (): Promise<void> => {
    try {
      while (again) {
        again = false;
        await sendAll();
        await trim();
      }
    } catch (error) {
      console.error(error);
      backOff(0);
      schedule(0);
    }
    running = undefined;
  };

  const sendAll = async (): Promise<void> => {
    while (isActive() && !isLeaving) {
      // Timers may fire early. If the pause has not ended yet, nothing is sent and the timer is set again.
      if (now() < notBefore) {
        schedule(0);
        return;
      }
      const ids = (underWay = new Set());
      waiting = 0;
      const batch = await nextBatch();
      if (!batch[0]) return;
      if (ids !== underWay) continue;
      for (const { id } of batch) ids.add(id);
      report(batch, () => ({ name: 'sending' }));
      const outcome = await send(batch, ids);
      if (ids === underWay) await settle(batch, outcome);
    }
  };

  const nextBatch = async (): Promise<Message[]> => {
    const queued = await queue.oldest(limit + suspects.size, isSender());
    const others = queued.filter(({ id }) => !suspects.has(id));
    return firstBatch(others[0] ? others : queued.slice(0, 1), limit);
  };

  const send = async (batch: readonly Message[], ids: Set<string>): Promise<Outcome> => {
    try {
      const sender = await device.get();
      if (ids !== underWay) return noResponse('', '');
      // If the browser's limit for keepalive requests is reached, it rejects the request. The next attempt is an
      // ordinary request.
      const outcome = await postBatch(endpoint, sender, batch, failures === 0);
      const unauthorized = [...outcome.results.values()].filter(({ code }) => code === 'device_unauthorized');
      if (unauthorized.length > 0 && device.replace(sender)) {
        for (const result of unauthorized) result.status = 'retry';
        outcome.retryAtOnce = true;
      }
      return outcome;
    } catch (error) {
      return noResponse('not_registered', error);
    }
  };

  const settle = async (batch: readonly Message[], outcome: Outcome): Promise<void> => {
    const { results, code, status, cause, retryAfterMs, retryAtOnce } = outcome;
    const resultOf = ({ id }: Message): Result => results.get(id) ?? { status: 'retry', code };
    const settled = batch.filter((message) => resultOf(message).status !== 'retry');
    for (const { id } of settled) suspects.delete(id);
    await queue.remove(settled);

    // A request without results may be too large, or may contain a message that an intermediary rejects.
    if (batch.some(({ id }) => results.has(id))) limit = Math.min(2 * limit, MAX_BATCH_MESSAGES);
    else if (batch.length > 1) limit = batch.length >> 1;
    else if (status === 0 ? code === 'unreachable_cors' : status < 500 && status !== 429) {
      for (const { id } of batch) suspects.add(id);
    }
    if (settled.length > 0) failures = 0;
    if (settled.length < batch.length && !retryAtOnce) backOff(retryAfterMs);

    report(batch, (message) => {
      const result = resultOf(message);
      const name = result.status === 'accepted' ? 'sent' : result.status;
      return { name, code: result.code, status, cause, retryIn: Math.max(0, notBefore - now()) };
    });
    underWay.clear();
  };

  /** Full jitter, but at least the time that the server requested. */
  const backOff = (retryAfterMs: number): void => {
    if (failures === 0) {
      failingSince = now();
      setTimeout(drain, FAILING_MS); // also drops messages beyond the limit of the queue
    }
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
    failures += 1;
    serverNotBefore = now() + retryAfterMs;
    notBefore = Math.max(serverNotBefore, now() + Math.random() * longest);
  };

  const trim = async (): Promise<void> => {
    if (failures === 0 || (navigator.onLine && now() - failingSince < FAILING_MS)) return;
    const dropped = await queue.trim(maxQueued, isSender());
    report(dropped, () => ({ name: 'rejected', code: 'queue_full' }));
  };

  return {
    drain,
    plan: (queued) => {
      waiting += queued;
      if (failures > 0)
        void drain(); // also drops messages beyond the limit of the queue
      else schedule(waiting < batchSize ? batchTime : 0);
    },
    retryNow: () => {
      failures = 0;
      notBefore = serverNotBefore;
      void drain();
    },
    leave: () => {
      const sender = device.current();
      // The result of a beacon is unknown. So while sending fails, the messages wait in the queue instead.
      if (isActive() && sender && navigator.onLine && failures === 0) {
        // If another tab is the sender, it sends what it can find in the queue.
        const unsent = [...queue.tracked.values()].filter(
          ({ id, stored }) => !underWay.has(id) && (isSender() || !stored),
        );
        const sent = sendBeacon(endpoint, sender, unsent);
        void queue.remove(sent);
        report(sent, () => ({ name: 'sent', beacon: true }));
      }
      queue.rescue();
      isLeaving = true;
    },
    comeBack: () => {
      isLeaving = false;
      schedule(batchTime);
    },
    withdraw: () => {
      underWay = new Set();
    },
  };
}
