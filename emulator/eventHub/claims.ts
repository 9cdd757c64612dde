import { scopeCovers } from '../sas';

/** The limit of setTimeout() is 2^31 - 1 ms (25 days). A token that expires later gets no timer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The claims of one connection: entity paths, each until its token expires. */
export interface Claims {
  /**
   * `expiry` is in Unix milliseconds. A later token for the same path replaces an earlier one. An empty path means
   * every entity.
   */
  put(path: string, expiry: number): void;
  /** Grants every entity until the connection closes, as the key of a shared access policy does. */
  grantAll(): void;
  cover(path: string): boolean;
  clear(): void;
}

/** `onExpired` is called when a claim expires, so that the links that depend on it can be detached. */
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
