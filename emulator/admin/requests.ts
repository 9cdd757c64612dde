/** Schemas, limits and defaults of the requests to the admin API. */

import { z } from 'zod';
import { MAX_PARTITIONS } from '../hub';
import { MAX_MESSAGE_BYTES } from '../telemetry';
import { MAX_UNITS, THROTTLE_TIERS } from '../throttle';

const SEED_MAX = 10_000_000;
const MESSAGES_MAX = 10_000;
const MESSAGES_DEFAULT = 100;
const LATEST_MAX = 100;
const LATEST_DEFAULT = 20;
const DEVICES_MAX = 1_000;
const DEVICES_DEFAULT = 100;
const sequenceNumber = z.number().int().min(0);

export const seedRequest = z.strictObject({
  count: z.number().int().min(1).max(SEED_MAX),
  /** Absent: the messages are distributed over all partitions in turn. */
  partitionId: z.string().optional(),
  deviceId: z.string().default('seeded-device'),
  /** Size of each body, which is the JSON `{"n": <sequence number>, "pad": "xxx…"}`. */
  sizeBytes: z.number().int().min(32).max(MAX_MESSAGE_BYTES).default(100),
  /** Bodies to use in turn instead of generated ones. */
  bodies: z.array(z.json()).min(1).optional(),
  /** Whether each message has its own message id. */
  messageIds: z.boolean().default(false),
});

export const expireRequest = z
  .strictObject({
    /** Absent: every partition. */
    partitionId: z.string().optional(),
    /** Delete the messages up to and including this one. */
    upToSequenceNumber: sequenceNumber.optional(),
    /** Delete the messages that were enqueued longer ago than this. */
    olderThanSeconds: z.number().min(0).optional(),
    /** Number of newest messages to keep; all others are deleted. */
    keep: z.number().int().min(0).optional(),
  })
  .refine(
    (r) => [r.upToSequenceNumber, r.olderThanSeconds, r.keep].filter((v) => v !== undefined).length === 1,
    'give exactly one of upToSequenceNumber, olderThanSeconds and keep',
  );

export const jumpRequest = z.strictObject({
  partitionId: z.string().optional(),
  by: z.number().int().min(1).max(1e12),
});

export const recreateRequest = z.strictObject({
  keepDevices: z.boolean().default(false),
  /** Absent: the number of partitions does not change. */
  partitions: z.number().int().min(1).max(MAX_PARTITIONS).optional(),
});

export const messagesRequest = z.strictObject({
  partition: z.string().default('0'),
  /** The first sequence number to return. Absent: the oldest stored one. */
  from: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(MESSAGES_MAX).default(MESSAGES_DEFAULT),
});

export const latestRequest = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LATEST_MAX).default(LATEST_DEFAULT),
});

export const devicesRequest = z.strictObject({
  limit: z.coerce.number().int().min(1).max(DEVICES_MAX).default(DEVICES_DEFAULT),
  /** A part of the device id. */
  search: z.string().default(''),
});

export const throttleRequest = z.strictObject({
  tier: z.enum(THROTTLE_TIERS),
  units: z.number().int().min(1).max(MAX_UNITS).default(1),
});

export const resetRequest = z.strictObject({});

export type SeedRequest = z.input<typeof seedRequest>;
export type ExpireRequest = z.input<typeof expireRequest>;
export type JumpRequest = z.input<typeof jumpRequest>;
export type ThrottleRequest = z.input<typeof throttleRequest>;
export type RecreateRequest = z.input<typeof recreateRequest>;
export type LatestRequest = z.input<typeof latestRequest>;
export type DevicesRequest = z.input<typeof devicesRequest>;
export type MessagesRequest = z.input<typeof messagesRequest>;
