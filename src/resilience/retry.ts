import { setTimeout as delay } from 'node:timers/promises';

/** Of one request to the hub: the first and two more. */
const MAX_TRIES = 3;
/** The pause before the second try is about this long, before the third twice as long. */
const PAUSE_MS = 100;

/**
 * Tries work again, after a pause with jitter, while it fails in a way that may pass and there is time.
 *
 * @param signal the end of the time; work is not tried again after it
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
