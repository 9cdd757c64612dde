import { LRUCache } from 'lru-cache';

/** Number of keys whose buckets are kept. A key that was not used recently gets a full bucket again. */
const MAX_KEYS = 100_000;

/** A token bucket per key. Each instance of the app has its own buckets, so n instances allow n times the rate. */
export interface RateLimit {
  /** @returns 0 if the request is allowed, which is then counted; otherwise the seconds to wait */
  take: (key: string) => number;
}

/** @param burst maximum number of requests at once @param perSecond average rate after a burst */
export function createRateLimit(burst: number, perSecond: number, now: () => number = Date.now): RateLimit {
  const buckets = new LRUCache<string, { tokens: number; at: number }>({ max: MAX_KEYS });
  return {
    take: (key) => {
      const time = now();
      const bucket = buckets.get(key) ?? { tokens: burst, at: time };
      const refilled = bucket.tokens + (Math.max(0, time - bucket.at) / 1_000) * perSecond;
      const tokens = Math.min(burst, refilled);
      const isAllowed = tokens >= 1;
      buckets.set(key, { tokens: isAllowed ? tokens - 1 : tokens, at: time });
      return isAllowed ? 0 : Math.max(1, Math.ceil((1 - tokens) / perSecond));
    },
  };
}
