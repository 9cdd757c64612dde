/** How often this process notes that it is alive. */
const BEAT_MS = 1_000;
/** Without a beat for so long it stood still: the platform froze the instance, or the machine slept. */
const FREEZE_MS = 3_000;

export interface Freezes {
  /** how many there have been until now */
  count: () => number;
  close: () => void;
}

/**
 * Counts the times that this process stood still. By the clock of the day, which goes on while a machine sleeps; when it
 * is set forward that counts as well, and costs new connections.
 */
export function watchFreezes(): Freezes {
  let freezes = 0;
  let beatAt = Date.now();
  // Also when somebody asks: on waking, a request may come before the timer does.
  const beat = (): void => {
    const now = Date.now();
    if (now - beatAt > FREEZE_MS) freezes += 1;
    beatAt = now;
  };
  const timer = setInterval(beat, BEAT_MS).unref();
  return {
    count: () => {
      beat();
      return freezes;
    },
    close: () => {
      clearInterval(timer);
    },
  };
}
