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

/** event-hubs-quotas: calls to GetRuntimeInformation, per second. */
const MANAGEMENT_CALLS_PER_SECOND = 50;

const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** Each method counts an operation, and returns whether it is still within the limit. */
export interface Throttle {
  allowRegistryOperation(): boolean;
  allowQuery(): boolean;
  allowSend(): boolean;
  /** Of a device that connects over MQTT. */
  allowConnection(): boolean;
  allowManagementCall(): boolean;
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
    allowRegistryOperation: () => current.allowRegistryOperation(),
    allowQuery: () => current.allowQuery(),
    allowSend: () => current.allowSend(),
    allowConnection: () => current.allowConnection(),
    allowManagementCall: () => current.allowManagementCall(),
    allowMessages: (sizes) => current.allowMessages(sizes),
    set,
    state: () => state,
    reset: () => set(state.tier, state.units),
  };
}

type Limiter = Omit<Throttle, 'set' | 'state' | 'reset'>;

function limiter(tier: ThrottleTier, units: number): Limiter {
  if (tier === 'none') {
    const always = () => true;
    return {
      allowRegistryOperation: always,
      allowQuery: always,
      allowSend: always,
      allowConnection: always,
      allowManagementCall: always,
      allowMessages: always,
    };
  }
  const limits = LIMITS[tier];
  const registry = tokenBucket(limits.registryPerMinute * units, MINUTE_MS);
  const queries = tokenBucket(limits.queriesPerMinute * units, MINUTE_MS);
  const sendsPerSecond = Math.max(limits.leastSendsPerSecond, limits.sendsPerSecondAndUnit * units);
  const sends = tokenBucket(sendsPerSecond, SECOND_MS);
  const connections = tokenBucket(sendsPerSecond, SECOND_MS);
  const management = tokenBucket(MANAGEMENT_CALLS_PER_SECOND, SECOND_MS);
  let day = '';
  let used = 0;
  return {
    allowRegistryOperation: registry.take,
    allowQuery: queries.take,
    allowSend: sends.take,
    allowConnection: connections.take,
    allowManagementCall: management.take,
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
function tokenBucket(limit: number, periodMs: number) {
  let tokens = limit;
  let at = Date.now();
  return {
    take(): boolean {
      const now = Date.now();
      tokens = Math.min(limit, tokens + ((now - at) * limit) / periodMs);
      at = now;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
