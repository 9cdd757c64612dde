import { types, type Message } from 'rhea';
import type { AmqpCondition } from '../amqp';
import type { Hub } from '../hub';
import { isSasToken, scopeCovers } from '../sas';
import type { HubIdentity } from '../hubIdentity';
import { checkEntityToken, resourcePath, type TokenRefusal } from './entityToken';
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

const refuse = (status: number, condition: string, description: string): Reply => ({
  status,
  condition,
  description,
  body: {},
});

const refuseWith = (status: number, { condition, description }: AmqpCondition): Reply =>
  refuse(status, condition, description);

const REFUSALS: Record<TokenRefusal, string> = {
  InvalidSignature: 'InvalidSignature: The token has an invalid signature.',
  ExpiredToken: 'ExpiredToken: The token is expired.',
  MalformedToken: 'MalformedToken: The token is malformed.',
  InvalidAudience:
    'InvalidAudience: The authorization header contains a token which is not valid for the audience.',
};

const SAS_TOKEN_TYPE = 'servicebus.windows.net:sastoken';
/** Microsoft's client for Python also uses this type for SAS tokens. */
const JWT_TYPE = 'jwt';
const NO_ENTRA_ID =
  'The built-in endpoint of an IoT Hub accepts SAS tokens only, not tokens of Microsoft Entra ID.';

/** `put-token` (AMQP claims-based security, as in Event Hubs): a token grants this connection access to an entity. */
export function putToken(hub: Hub, claims: Claims, request: Message): Reply {
  const { operation, type, name } = applicationProperties(request);
  if (operation !== 'put-token')
    return refuse(400, 'amqp:not-implemented', 'The operation is not supported.');
  const path = typeof name === 'string' ? resourcePath(name, hub.identity) : undefined;
  const token = bodyOf(request);
  if (type !== SAS_TOKEN_TYPE && type !== JWT_TYPE)
    return refuse(401, 'amqp:unauthorized-access', `The token type '${String(type)}' is not supported.`);
  if (type === JWT_TYPE && !isSasToken(token)) return refuse(401, 'amqp:unauthorized-access', NO_ENTRA_ID);
  if (path === undefined) return refuse(401, 'com.microsoft:auth-failed', REFUSALS.InvalidAudience);
  const acceptedUntil = checkEntityToken(token, path, hub.identity, hub.sasContext());
  if (typeof acceptedUntil === 'string')
    return refuse(401, 'com.microsoft:auth-failed', REFUSALS[acceptedUntil]);
  claims.put(path, acceptedUntil);
  // IoT Hub's SDKs accept only status 200, which IoT Hub returns for its own entities.
  return scopeCovers(hub.identity.name, path)
    ? { status: 202, description: 'Accepted', body: {} }
    : { status: 200, description: 'OK', body: {} };
}

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
  if (
    !claims.cover(entity) &&
    typeof checkEntityToken(token, entity, hub.identity, hub.sasContext()) === 'string'
  ) {
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

const applicationProperties = (request: Message) =>
  (request as { application_properties?: Record<string, unknown> }).application_properties ?? {};

/** rhea returns the value of an amqp-value section unchanged, and wraps other sections. */
function bodyOf(request: Message): unknown {
  const { body } = request as { body?: unknown };
  const content = typeof body === 'object' && body !== null && 'content' in body ? body.content : body;
  return Buffer.isBuffer(content) ? content.toString('utf8') : content;
}
