/** Detects that the process was suspended. */

/** How often this process records a heartbeat. */
const HEARTBEAT_INTERVAL_MS = 1_000;
/** A longer pause between heartbeats means that the platform suspended the instance, or the machine slept. */
const SUSPEND_THRESHOLD_MS = 3_000;

export interface SuspendDetector {
  /** number of suspends so far */
  count: () => number;
  close: () => void;
}

/**
 * Counts how often this process was suspended. It uses the wall clock, which continues while a machine sleeps. Setting
 * the clock forward also counts, and only costs new connections.
 */
export function createSuspendDetector(): SuspendDetector {
  let suspends = 0;
  let lastHeartbeat = Date.now();
  // Also called by `count`: after a suspend, a request can arrive before the timer fires.
  const recordHeartbeat = (): void => {
    const now = Date.now();
    if (now - lastHeartbeat > SUSPEND_THRESHOLD_MS) suspends += 1;
    lastHeartbeat = now;
  };
  const timer = setInterval(recordHeartbeat, HEARTBEAT_INTERVAL_MS).unref();
  return {
    count: () => {
      recordHeartbeat();
      return suspends;
    },
    close: () => {
      clearInterval(timer);
    },
  };
}
