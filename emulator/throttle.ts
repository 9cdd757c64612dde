/** Counts operations and messages against the limits of a tier. */

import { TIER_LIMITS, type ThrottledOperation, type ThrottleTier, type TierLimits } from './throttleLimits';

export {
  MAX_UNITS,
  METHOD_METER_BYTES,
  THROTTLE_TIERS,
  type ThrottledOperation,
  type ThrottleTier,
} from './throttleLimits';

/** Each method counts an operation, and returns whether it is still within the limit. */
export interface Throttle {
  /** @param amount how many operations it counts as. Default 1 */
  allow(operation: ThrottledOperation, amount?: number): boolean;
  /**
   * Counts the messages of one request by their sizes in bytes: all of them or none. The daily quota resets at
   * midnight UTC.
   */
  allowMessages(sizes: readonly number[]): boolean;
  /** Restarts with full buckets and an unused quota, as a hub of this tier and number of units. */
  set(tier: ThrottleTier, units: number): void;
  state(): ThrottleState;
  reset(): void;
}

export interface ThrottleState {
  readonly tier: ThrottleTier;
  readonly units: number;
}

export function createThrottle(tier: ThrottleTier): Throttle {
  let state: ThrottleState = { tier, units: 1 };
  let current = limiter(tier, 1);
  const set = (nextTier: ThrottleTier, units: number) => {
    state = { tier: nextTier, units };
    current = limiter(nextTier, units);
  };
  return {
    allow: (operation, amount) => current.allow(operation, amount),
    allowMessages: (sizes) => current.allowMessages(sizes),
    set,
    state: () => state,
    reset: () => set(state.tier, state.units),
  };
}

interface TokenBucket {
  take(amount: number): boolean;
}

type Limiter = Omit<Throttle, 'set' | 'state' | 'reset'>;

function limiter(tier: ThrottleTier, units: number): Limiter {
  if (tier === 'none') {
    const always = () => true;
    return { allow: always, allowMessages: always };
  }
  const limits: TierLimits = TIER_LIMITS[tier];
  const buckets = Object.fromEntries(
    Object.entries(limits.rates).map(([operation, { least, perUnit, periodMs }]) => [
      operation,
      tokenBucket(Math.max(least, perUnit * units), periodMs),
    ]),
  ) as Record<ThrottledOperation, TokenBucket>;
  let day = '';
  let used = 0;
  return {
    allow: (operation, amount = 1) => buckets[operation].take(amount),
    allowMessages(sizes) {
      const today = new Date().toISOString().slice(0, 10);
      if (today !== day) [day, used] = [today, 0];
      const blocks = sizes.reduce((sum, size) => sum + Math.max(1, Math.ceil(size / limits.blockBytes)), 0);
      if (used + blocks > limits.messagesPerDay * units) return false;
      used += blocks;
      return true;
    },
  };
}

/**
 * IoT Hub throttles with a leaky bucket (same page, "Traffic shaping"): it allows bursts up to the limit, then the
 * average rate.
 */
function tokenBucket(limit: number, periodMs: number): TokenBucket {
  let tokens = limit;
  let at = Date.now();
  return {
    take(amount) {
      const now = Date.now();
      tokens = Math.min(limit, tokens + ((now - at) * limit) / periodMs);
      at = now;
      if (tokens < amount) return false;
      tokens -= amount;
      return true;
    },
  };
}
