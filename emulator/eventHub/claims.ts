import { scopeCovers } from '../sas';

/** setTimeout() takes no more than 2^31 - 1 ms; a token that lives longer outlives the emulator. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What one connection may do: entity paths, each until its token expires. */
export interface Claims {
  /** `expiry` in Unix milliseconds; a later token for the same path replaces the earlier. An empty path: every entity. */
  put(path: string, expiry: number): void;
  /** Every entity, as long as the connection lives: what a shared access policy's own key opens. */
  grantAll(): void;
  cover(path: string): boolean;
  clear(): void;
}

/** `onExpired` is called when a claim has ended, so that links that lived by it can be detached. */
export function createClaims(onExpired: () => void): Claims {
  const timers = new Map<string, NodeJS.Timeout>();
  let coversAll = false;
  return {
    grantAll: () => (coversAll = true),
    put(path, expiry) {
      const key = path.toLowerCase();
      clearTimeout(timers.get(key));
      const timer = setTimeout(
        () => {
          timers.delete(key);
          onExpired();
        },
        Math.min(expiry - Date.now(), LONGEST_TIMER_MS),
      );
      timers.set(key, timer.unref());
    },
    cover: (path) =>
      coversAll || [...timers.keys()].some((claimed) => claimed === '' || scopeCovers(claimed, path)),
    clear() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
