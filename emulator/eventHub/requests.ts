import { types, type Message } from 'rhea';
import { applicationProperties, type AmqpCondition } from '../amqp';
import type { Hub } from '../hub';
import type { HubIdentity } from '../hubIdentity';
import { checkEntityToken } from './entityToken';
import { invalidPartition, notFound, unauthorizedFor } from './refusals';
import type { Claims } from './claims';

/** A node that takes requests. */
export type RequestNode = '$cbs' | '$management';

/** Returns the request node with this address, or undefined. `$management` stands for the event hub's node. */
export function requestNodeOf(path: string, { name }: HubIdentity): RequestNode | undefined {
  const lowered = path.toLowerCase();
  if (lowered === '$cbs') return '$cbs';
  return ['$management', `${name}/$management`].includes(lowered) ? '$management' : undefined;
}

/** The response to a request on `$cbs` or `$management`. */
export interface Reply {
  readonly status: number;
  readonly description: string;
  readonly condition?: string;
  readonly body: unknown;
}

export const refuse = (status: number, condition: string, description: string): Reply => ({
  status,
  condition,
  description,
  body: {},
});

export const refuseWith = (status: number, { condition, description }: AmqpCondition): Reply =>
  refuse(status, condition, description);

/** Handles `READ` of the event hub or of a partition. Returns undefined if a fault prevents the response. */
export function readManagement(hub: Hub, claims: Claims, request: Message): Reply | undefined {
  hub.requests.management += 1;
  if (hub.faults.apply('hangManagement')) return undefined;
  if (hub.faults.apply('serverBusy') || !hub.throttle.allow('management')) {
    return refuse(
      503,
      'com.microsoft:server-busy',
      'The request was terminated because the entity is being throttled. Error code : 50009. Please wait 4 seconds and try again.',
    );
  }
  const { operation, type, name, partition, security_token: token } = applicationProperties(request);
  if (operation !== 'READ') return refuse(400, 'amqp:not-implemented', 'The operation is not supported.');
  const entity = `${hub.identity.name}/$management`;
  if (!claims.cover(entity) && typeof checkEntityToken(token, entity, hub) === 'string') {
    return refuseWith(401, unauthorizedFor('Listen', entity));
  }
  if (typeof name !== 'string' || name.toLowerCase() !== hub.identity.name) {
    return refuseWith(404, notFound(String(name)));
  }
  if (type === 'com.microsoft:eventhub') return { status: 200, description: 'OK', body: eventHubInfo(hub) };
  if (type !== 'com.microsoft:partition')
    return refuse(400, 'amqp:not-implemented', 'The type is not supported.');
  return partitionInfo(hub, String(partition));
}

function eventHubInfo(hub: Hub) {
  return {
    name: hub.identity.name,
    type: 'com.microsoft:eventhub',
    created_at: types.wrap_timestamp(hub.createdAt),
    partition_count: types.wrap_int(hub.partitions.length),
    partition_ids: types.wrap_array(
      hub.partitions.map((partition) => partition.id),
      STRING_TYPE_CODE,
      undefined,
    ),
    georeplication_factor: types.wrap_int(1),
  };
}

/** AMQP's str8: partition ids are an array of this type. */
const STRING_TYPE_CODE = 0xa1;

function partitionInfo(hub: Hub, id: string): Reply {
  const log = hub.partitions.find((partition) => partition.id === id);
  if (!log) {
    return refuseWith(400, invalidPartition(hub.partitions.length));
  }
  return {
    status: 200,
    description: 'OK',
    body: {
      name: hub.identity.name,
      type: 'com.microsoft:partition',
      partition: log.id,
      begin_sequence_number: types.wrap_long(log.beginSequenceNumber),
      last_enqueued_sequence_number: types.wrap_long(log.lastSequenceNumber),
      last_enqueued_offset: String(log.lastOffset),
      last_enqueued_time_utc: types.wrap_timestamp(log.lastEnqueuedTime),
      is_partition_empty: log.isEmpty,
    },
  };
}
