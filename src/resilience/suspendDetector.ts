/** How often this process notes that it is alive. */
const HEARTBEAT_INTERVAL_MS = 1_000;
/** Without a beat for so long it stood still: the platform froze the instance, or the machine slept. */
const SUSPEND_THRESHOLD_MS = 3_000;

export interface SuspendDetector {
  /** how many there have been until now */
  count: () => number;
  close: () => void;
}

/**
 * Counts the times that this process stood still. By the clock of the day, which goes on while a machine sleeps; when it
 * is set forward that counts as well, and costs new connections.
 */
export function createSuspendDetector(): SuspendDetector {
  let suspends = 0;
  let lastHeartbeat = Date.now();
  // Also when somebody asks: on waking, a request may come before the timer does.
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
