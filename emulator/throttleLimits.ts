/** The throttles and daily quotas of each tier (iot-hub-devguide-quotas-throttling, "Operation throttles"). */

/** The tier whose limits apply; `none`: no limits. */
export const THROTTLE_TIERS = ['none', 'F1', 'S1', 'S2', 'S3'] as const;
export type ThrottleTier = (typeof THROTTLE_TIERS)[number];

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
  | 'receives'
  | 'management';

/** iot-hub-scaling: S1 and S2 have up to 200 units, S3 has 10, and the free tier has one. The largest of them. */
export const MAX_UNITS = 200;

const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** The higher of `least` and `perUnit` times the number of units. */
export interface RateLimit {
  readonly least: number;
  readonly perUnit: number;
  readonly periodMs: number;
}

export interface TierLimits {
  readonly rates: Readonly<Record<ThrottledOperation, RateLimit>>;
  /** Per unit. */
  readonly messagesPerDay: number;
  /** A message counts once for each started block of this size. */
  readonly blockBytes: number;
}

const aSecond = (perUnit: number, least = 0): RateLimit => ({ least, perUnit, periodMs: SECOND_MS });
const aMinute = (perUnit: number): RateLimit => ({ least: 0, perUnit, periodMs: MINUTE_MS });

/** A direct method counts once for each started block of this size. */
export const METHOD_METER_BYTES = 4 * 1024;
const METHOD_BYTES_A_SECOND = { S1: 160 * 1024, S2: 480 * 1024, S3: 24 * 1024 * 1024 } as const;
const methods = (tier: keyof typeof METHOD_BYTES_A_SECOND): RateLimit =>
  aSecond(METHOD_BYTES_A_SECOND[tier] / METHOD_METER_BYTES);

/** event-hubs-quotas: calls to GetRuntimeInformation, independent of the tier. */
const MANAGEMENT = aSecond(0, 50);

/** Also of the free tier. A batch is one send operation, but each of its messages counts towards the daily quota. */
const S1: TierLimits['rates'] = {
  registry: aMinute(100),
  connections: aSecond(12, 100),
  sends: aSecond(12, 100),
  twinReads: aSecond(0, 100),
  twinUpdates: aSecond(0, 50),
  queries: aMinute(20),
  methods: methods('S1'),
  messages: aMinute(100),
  receives: aMinute(1_000),
  management: MANAGEMENT,
};

const S2: TierLimits['rates'] = {
  ...S1,
  connections: aSecond(120),
  sends: aSecond(120),
  twinReads: aSecond(10, 100),
  twinUpdates: aSecond(5, 50),
  methods: methods('S2'),
};

const S3: TierLimits['rates'] = {
  registry: aMinute(5_000),
  connections: aSecond(6_000),
  sends: aSecond(6_000),
  twinReads: aSecond(500),
  twinUpdates: aSecond(250),
  queries: aMinute(1_000),
  methods: methods('S3'),
  messages: aMinute(5_000),
  receives: aMinute(50_000),
  management: MANAGEMENT,
};

export const TIER_LIMITS: Readonly<Record<Exclude<ThrottleTier, 'none'>, TierLimits>> = {
  F1: { rates: S1, messagesPerDay: 8_000, blockBytes: 512 },
  S1: { rates: S1, messagesPerDay: 400_000, blockBytes: 4_096 },
  S2: { rates: S2, messagesPerDay: 6_000_000, blockBytes: 4_096 },
  S3: { rates: S3, messagesPerDay: 300_000_000, blockBytes: 4_096 },
};
