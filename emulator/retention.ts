/** Removes old messages. */

import type { Hub } from './hub';

/** iot-hub-devguide-messages-read-builtin: messages are kept for one day by default, and for at most seven days. */
export const DEFAULT_RETENTION_DAYS = 1;
export const MAX_RETENTION_DAYS = 7;

const DAY_MS = 24 * 60 * 60 * 1_000;
const LONGEST_INTERVAL_MS = 60_000;
/** Maximum delay of a deletion, as a fraction of the retention; matters for the short retention of tests. */
const SHARE = 0.1;
/** A hub may exceed its size for this long. */
const SIZE_INTERVAL_MS = 1_000;

export interface Retention {
  /** More than 0, at most 7; may be a fraction. */
  readonly days: number;
  /** Size of the messages of all partitions, in MB (10⁶ bytes). Undefined: unlimited. */
  readonly megabytes: number | undefined;
}

/**
 * Removes messages that are older than the retention, now and once a minute, and the oldest messages above the size, once
 * a second.
 *
 * @returns a function that stops it
 */
export function startRetention(hub: Hub, { days, megabytes }: Retention): () => void {
  const keepMs = days * DAY_MS;
  const expireByTime = () => {
    const oldest = Date.now() - keepMs;
    for (const log of hub.partitions) log.expireBefore(log.seek('enqueuedTime', oldest, true));
  };
  expireByTime();
  const timers = [setInterval(expireByTime, Math.min(LONGEST_INTERVAL_MS, Math.max(1, keepMs * SHARE)))];
  if (megabytes !== undefined) {
    timers.push(setInterval(() => expireBySize(hub, megabytes * 1e6), SIZE_INTERVAL_MS));
  }
  for (const timer of timers) timer.unref();
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** Removes the oldest block of messages until the rest fits. Each partition keeps its newest block. */
function expireBySize(hub: Hub, maxBytes: number): void {
  let bytes = hub.partitions.reduce((sum, log) => sum + log.bytes, 0);
  while (bytes > maxBytes) {
    const [oldest] = hub.partitions
      .flatMap((log) => ({ log, block: log.oldestBlock() }))
      .filter(({ block }) => block !== undefined)
      .sort((a, b) => (a.block?.time ?? 0) - (b.block?.time ?? 0));
    if (!oldest?.block) return;
    oldest.log.expireBefore(oldest.block.end);
    bytes -= oldest.block.bytes;
  }
}
