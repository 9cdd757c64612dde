import { LRUCache } from 'lru-cache';

/** Whoever is not among the last so many has a full bucket again. */
const MAX_KEYS = 100_000;

/** A token bucket for each key. It is of this instance: several instances allow as many times the rate. */
export interface RateLimit {
  /** @returns seconds to wait; 0 when the request is within the limit, and counts */
  take: (key: string) => number;
}

/** @param burst requests at once @param perSecond requests a second after that */
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
