/** The tier whose limits apply, with one unit; `none`: no limits. */
export const THROTTLE_TIERS = ['none', 'F1', 'S1'] as const;
export type ThrottleTier = (typeof THROTTLE_TIERS)[number];

/** iot-hub-scaling: S1 and S2 have up to 200 units, the free tier has one. */
export const MAX_UNITS = 200;

interface TierLimits {
  /** Per unit. */
  readonly registryPerMinute: number;
  /** Per unit. */
  readonly queriesPerMinute: number;
  /** Independent of the number of units. */
  readonly leastSendsPerSecond: number;
  readonly sendsPerSecondAndUnit: number;
  /** Per unit. */
  readonly messagesPerDay: number;
  /** A message counts once for each started block of this size. */
  readonly blockBytes: number;
}

/**
 * iot-hub-devguide-quotas-throttling: a batch is one send operation, but each of its messages counts towards the daily
 * quota. New device connections have the same limits as sends.
 */
const LIMITS: Record<Exclude<ThrottleTier, 'none'>, TierLimits> = {
  F1: {
    registryPerMinute: 100,
    queriesPerMinute: 20,
    leastSendsPerSecond: 100,
    sendsPerSecondAndUnit: 12,
    messagesPerDay: 8_000,
    blockBytes: 512,
  },
  S1: {
    registryPerMinute: 100,
    queriesPerMinute: 20,
    leastSendsPerSecond: 100,
    sendsPerSecondAndUnit: 12,
    messagesPerDay: 400_000,
    blockBytes: 4_096,
  },
};

// iot-hub-devguide-quotas-throttling, for F1 and S1.
const TWIN_READS_PER_SECOND = 100;
const TWIN_UPDATES_PER_SECOND = 50;
const CLOUD_TO_DEVICE_PER_MINUTE_AND_UNIT = 100;
const METHOD_BYTES_PER_SECOND_AND_UNIT = 160 * 1024;
/** A direct method counts once for each started block of this size. */
export const METHOD_METER_BYTES = 4 * 1024;

/** event-hubs-quotas: calls to GetRuntimeInformation, per second. */
const MANAGEMENT_CALLS_PER_SECOND = 50;

const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** Operations with a throttle of their own. `management`: calls of `$management`. */
export type ThrottledOperation =
  | 'registry'
  | 'sends'
  | 'connections'
  | 'twinReads'
  | 'twinUpdates'
  | 'queries'
  | 'methods'
  | 'messages'
  | 'management';

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
  const limits = LIMITS[tier];
  const sendsPerSecond = Math.max(limits.leastSendsPerSecond, limits.sendsPerSecondAndUnit * units);
  const buckets: Record<ThrottledOperation, TokenBucket> = {
    registry: tokenBucket(limits.registryPerMinute * units, MINUTE_MS),
    sends: tokenBucket(sendsPerSecond, SECOND_MS),
    connections: tokenBucket(sendsPerSecond, SECOND_MS),
    twinReads: tokenBucket(TWIN_READS_PER_SECOND, SECOND_MS),
    twinUpdates: tokenBucket(TWIN_UPDATES_PER_SECOND, SECOND_MS),
    queries: tokenBucket(limits.queriesPerMinute * units, MINUTE_MS),
    methods: tokenBucket((METHOD_BYTES_PER_SECOND_AND_UNIT / METHOD_METER_BYTES) * units, SECOND_MS),
    messages: tokenBucket(CLOUD_TO_DEVICE_PER_MINUTE_AND_UNIT * units, MINUTE_MS),
    management: tokenBucket(MANAGEMENT_CALLS_PER_SECOND, SECOND_MS),
  };
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
