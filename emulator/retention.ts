import type { Hub } from './hub';

/** iot-hub-devguide-messages-read-builtin: messages are kept for one day by default, and for at most seven days. */
export const DEFAULT_RETENTION_DAYS = 1;
export const MAX_RETENTION_DAYS = 7;

const DAY_MS = 24 * 60 * 60 * 1_000;
const LONGEST_INTERVAL_MS = 60_000;
/** Maximum delay of a deletion, as a fraction of the retention; matters for the short retention of tests. */
const SHARE = 0.1;

/**
 * Removes messages older than `days` from the partitions, once a minute.
 *
 * @param days more than 0, at most 7; may be a fraction
 * @returns a function that stops it
 */
export function startRetention(hub: Hub, days: number): () => void {
  const keepMs = days * DAY_MS;
  const expire = () => {
    const oldest = Date.now() - keepMs;
    for (const log of hub.partitions) log.expireBefore(log.seek('enqueuedTime', oldest, true));
  };
  const timer = setInterval(expire, Math.min(LONGEST_INTERVAL_MS, Math.max(1, keepMs * SHARE)));
  timer.unref();
  return () => clearInterval(timer);
}
