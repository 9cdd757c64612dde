/** What to imitate: a tier with one unit, or no limit at all. */
export const THROTTLE_TIERS = ['none', 'F1', 'S1'] as const;
export type ThrottleTier = (typeof THROTTLE_TIERS)[number];

interface TierLimits {
  readonly registryPerMinute: number;
  readonly sendsPerSecond: number;
  readonly messagesPerDay: number;
  /** A message counts once for each block of this size that it fills or begins. */
  readonly blockBytes: number;
}

/** iot-hub-devguide-quotas-throttling, for one unit; a batch is one send operation, its messages count singly. */
const LIMITS: Record<Exclude<ThrottleTier, 'none'>, TierLimits> = {
  F1: { registryPerMinute: 100, sendsPerSecond: 100, messagesPerDay: 8_000, blockBytes: 512 },
  S1: { registryPerMinute: 100, sendsPerSecond: 100, messagesPerDay: 400_000, blockBytes: 4_096 },
};

/** event-hubs-quotas: calls to GetRuntimeInformation, per second. */
const MANAGEMENT_CALLS_PER_SECOND = 50;

const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** Each method counts what it is asked about, and says whether it is still within the limit. */
export interface Throttle {
  allowRegistryOperation(): boolean;
  allowSend(): boolean;
  allowManagementCall(): boolean;
  /** Message sizes in bytes, of one request: all count or none. The quota's day is UTC's. */
  allowMessages(sizes: readonly number[]): boolean;
  reset(): void;
}

export function createThrottle(tier: ThrottleTier): Throttle {
  if (tier === 'none') {
    const always = () => true;
    return {
      allowRegistryOperation: always,
      allowSend: always,
      allowManagementCall: always,
      allowMessages: always,
      reset: () => undefined,
    };
  }
  const limits = LIMITS[tier];
  const registry = tokenBucket(limits.registryPerMinute, MINUTE_MS);
  const sends = tokenBucket(limits.sendsPerSecond, SECOND_MS);
  const management = tokenBucket(MANAGEMENT_CALLS_PER_SECOND, SECOND_MS);
  let day = '';
  let used = 0;
  return {
    allowRegistryOperation: registry.take,
    allowSend: sends.take,
    allowManagementCall: management.take,
    allowMessages(sizes) {
      const today = new Date().toISOString().slice(0, 10);
      if (today !== day) [day, used] = [today, 0];
      const blocks = sizes.reduce((sum, size) => sum + Math.max(1, Math.ceil(size / limits.blockBytes)), 0);
      if (used + blocks > limits.messagesPerDay) return false;
      used += blocks;
      return true;
    },
    reset() {
      registry.fill();
      sends.fill();
      management.fill();
      used = 0;
    },
  };
}

/** IoT Hub throttles with a leaky bucket (same page, "Traffic shaping"): bursts up to the limit, then its pace. */
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
    fill: () => void (tokens = limit),
  };
}
