import { setTimeout as delay } from 'node:timers/promises';

/** Attempts per request to the hub. */
const MAX_TRIES = 3;
/** Pause before the second attempt, with jitter. The pause before the third is twice as long. */
const PAUSE_MS = 100;

/**
 * Retries work with jittered pauses while its error is transient and time is left.
 *
 * @param signal aborted at the deadline; no attempt starts after it
 */
export async function withRetries<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  isTransient: (error: unknown) => boolean,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === MAX_TRIES || !isTransient(error)) throw error;
      const pause = PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random());
      await delay(pause, undefined, { signal }).catch(() => undefined);
      signal.throwIfAborted();
    }
  }
}
