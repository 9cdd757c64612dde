/** The kinds of faults, with their fields, limits and defaults. */

import { z } from 'zod';
import { POLICY_NAMES } from '../wellKnown';

const DEFAULT_SLOW_DELAY_MS = 1_000;

/** The targets of faults that apply to operations, with the operation's name in the error of a throttled request. */
export const OPERATION_TYPES = {
  registry: 'IdentityOperations',
  telemetry: 'DeviceToCloudSend',
  twins: 'TwinOperations',
  methods: 'DirectMethods',
  queries: 'Queries',
  messages: 'CloudToDeviceOperations',
  files: 'FileUploads',
  connections: 'DeviceConnections',
} as const;
export type OperationTarget = keyof typeof OPERATION_TYPES;
export const OPERATION_TARGETS = Object.keys(OPERATION_TYPES) as readonly OperationTarget[];

const operationTarget = z.enum(OPERATION_TARGETS);
const eventHubTarget = z.literal('eventHub').default('eventHub');
const delayMs = z.number().int().min(0).max(3_600_000).default(DEFAULT_SLOW_DELAY_MS);
const partitionId = z.string().optional();

/** How often the fault applies. Absent: until it is cleared. */
const times = z.number().int().min(1).optional();

/** The operations that a fault applies to. Absent: every operation of its target. `PUBLISH` stands for every operation over MQTT or AMQP. */
const filter = z
  .strictObject({
    deviceId: z.string().optional(),
    method: z.enum(['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'PUBLISH']).optional(),
  })
  .optional();

const https = { target: operationTarget, times, filter };
const armed = { target: eventHubTarget, times };
const lasting = { target: eventHubTarget };

const condition = z.string().min(1);

/** The AMQP error that is sent to the client. Without a condition, no error is sent. */
const optionalError = {
  condition: condition.optional(),
  description: z.string().optional(),
};

/** Faults that wait for a request or a link. */
export const armedFault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('throttle'),
    ...https,
    retryAfterSeconds: z.number().int().min(0).optional(),
  }),
  z.strictObject({ kind: z.literal('quota'), ...https }),
  z.strictObject({ kind: z.literal('serverError'), ...https }),
  z.strictObject({ kind: z.literal('unavailable'), ...https }),
  z.strictObject({ kind: z.literal('hang'), ...https }),
  z.strictObject({ kind: z.literal('slow'), ...https, delayMs }),
  z.strictObject({ kind: z.literal('resetBefore'), ...https }),
  z.strictObject({ kind: z.literal('resetAfter'), ...https }),
  z.strictObject({ kind: z.literal('unauthorized'), ...https }),
  z.strictObject({ kind: z.literal('clockSkew'), ...https, seconds: z.number().int() }),
  /** 400 for every request that contains the message with this id. A batch is rejected as a whole. */
  z.strictObject({
    kind: z.literal('refuse'),
    target: z.literal('telemetry').default('telemetry'),
    messageId: z.string().min(1),
  }),
  z.strictObject({ kind: z.literal('serverBusy'), ...armed }),
  z.strictObject({ kind: z.literal('hangManagement'), ...armed }),
  z.strictObject({
    kind: z.literal('attachError'),
    ...armed,
    condition: condition.default('amqp:internal-error'),
    description: z
      .string()
      .default('The service was unable to process the request; please retry the operation.'),
    partitionId,
  }),
  z.strictObject({ kind: z.literal('freeze'), ...lasting }),
  z.strictObject({ kind: z.literal('slowPartition'), ...lasting, partitionId: z.string(), delayMs }),
  z.strictObject({ kind: z.literal('readerQuota'), ...lasting, max: z.number().int().min(0) }),
  z.strictObject({ kind: z.literal('revokeKeys'), ...lasting, policy: z.enum(POLICY_NAMES) }),
]);

/** Faults that apply once, immediately, to the open connections. */
export const immediateFault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('detachLinks'),
    ...lasting,
    condition: condition.default('amqp:link:detach-forced'),
    description: z.string().default('The link is force detached by the broker.'),
    partitionId,
  }),
  z.strictObject({ kind: z.literal('closeConnections'), ...lasting, ...optionalError }),
  z.strictObject({ kind: z.literal('endSessions'), ...lasting, ...optionalError }),
  z.strictObject({
    kind: z.literal('detachRequestLinks'),
    ...lasting,
    ...optionalError,
    node: z.enum(['$cbs', '$management']),
  }),
  /** Sends the next message to each reader of the partition up to its body, then aborts the transfer. */
  z.strictObject({ kind: z.literal('abortDelivery'), ...lasting, partitionId: z.string() }),
  /** Every HTTPS connection ends, and the port is closed for a while. Devices and messages are kept. */
  z.strictObject({
    kind: z.literal('restart'),
    target: z.literal('https').default('https'),
    downMs: delayMs,
  }),
  z.strictObject({ kind: z.literal('resetConnections'), ...lasting }),
  /** Devices that are connected over MQTT or AMQP lose their connection, as when the network fails; without an id, all of them. */
  z.strictObject({
    kind: z.literal('dropDevices'),
    target: z.literal('devices').default('devices'),
    deviceId: z.string().optional(),
  }),
  /** The messages that wait for this device expire, as at the end of their time to live; without an id, those of all. */
  z.strictObject({
    kind: z.literal('expireMessages'),
    target: z.literal('devices').default('devices'),
    deviceId: z.string().optional(),
  }),
]);

export type ArmedFaultSpec = z.infer<typeof armedFault>;
export type ImmediateFaultSpec = z.infer<typeof immediateFault>;
/** Faults that apply to any request. */
export type HttpsFaultSpec = Exclude<
  Extract<ArmedFaultSpec, { target: OperationTarget }>,
  { kind: 'refuse' }
>;
/** Faults that apply to the open connections of the Event Hub-compatible endpoint. */
export type ImmediateEventHubFault = Extract<ImmediateFaultSpec, { target: 'eventHub' }>;

const kindsOf = (options: readonly { shape: { kind: { value: string } } }[]) =>
  options.map((o) => o.shape.kind.value);

const IMMEDIATE_KINDS: readonly string[] = kindsOf(immediateFault.options);

/** The names of all faults. */
export const FAULT_KINDS: readonly string[] = [...kindsOf(armedFault.options), ...IMMEDIATE_KINDS];

export const isImmediateKind = (kind: unknown) => typeof kind === 'string' && IMMEDIATE_KINDS.includes(kind);
