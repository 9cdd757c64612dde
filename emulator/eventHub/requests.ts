import { types, type Message } from 'rhea';
import type { Hub } from '../hub';
import { EVENT_HUB_NAME } from '../wellKnown';
import { checkEntityToken, entityPathOf, type TokenRefusal } from './entityToken';
import type { Claims } from './claims';

/** The answer to a request on `$cbs` or `$management`. */
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

const REFUSALS: Record<TokenRefusal, string> = {
  InvalidSignature: 'InvalidSignature: The token has an invalid signature.',
  ExpiredToken: 'ExpiredToken: The token is expired.',
  MalformedToken: 'MalformedToken: The token is malformed.',
  InvalidAudience:
    'InvalidAudience: The authorization header contains a token which is not valid for the audience.',
};

const SAS_TOKEN_TYPE = 'servicebus.windows.net:sastoken';

/** `put-token` (AMQP claims-based security, as Event Hubs has it): a token opens an entity for this connection. */
export function putToken(hub: Hub, claims: Claims, request: Message): Reply {
  const { operation, type, name } = applicationProperties(request);
  if (operation !== 'put-token')
    return refuse(400, 'amqp:not-implemented', 'The operation is not supported.');
  const path = typeof name === 'string' ? entityPathOf(name) : undefined;
  if (type !== SAS_TOKEN_TYPE)
    return refuse(401, 'amqp:unauthorized-access', 'The token type is not supported.');
  if (path === undefined) return refuse(401, 'com.microsoft:auth-failed', REFUSALS.InvalidAudience);
  const expiry = checkEntityToken(bodyOf(request), path, hub.sasContext());
  if (typeof expiry === 'string') return refuse(401, 'com.microsoft:auth-failed', REFUSALS[expiry]);
  claims.put(path, expiry);
  return { status: 202, description: 'Accepted', body: {} };
}

/** `READ` of the event hub or of a partition; undefined when a fault says not to answer. */
export function readManagement(hub: Hub, claims: Claims, request: Message): Reply | undefined {
  hub.requests.management += 1;
  if (hub.faults.apply('hangManagement')) return undefined;
  if (hub.faults.apply('serverBusy') || !hub.throttle.allowManagementCall()) {
    return refuse(
      503,
      'com.microsoft:server-busy',
      'The request was terminated because the entity is being throttled. Error code : 50009. Please wait 4 seconds and try again.',
    );
  }
  const { operation, type, name, partition, security_token: token } = applicationProperties(request);
  if (operation !== 'READ') return refuse(400, 'amqp:not-implemented', 'The operation is not supported.');
  const entity = `${EVENT_HUB_NAME}/$management`;
  if (!claims.cover(entity) && typeof checkEntityToken(token, entity, hub.sasContext()) === 'string') {
    return refuse(
      401,
      'amqp:unauthorized-access',
      `Unauthorized access. 'Listen' claim(s) are required to perform this operation. Resource: '${entity}'.`,
    );
  }
  if (typeof name !== 'string' || name.toLowerCase() !== EVENT_HUB_NAME) {
    return refuse(404, 'amqp:not-found', `The messaging entity '${String(name)}' could not be found.`);
  }
  if (type === 'com.microsoft:eventhub') return { status: 200, description: 'OK', body: eventHubInfo(hub) };
  if (type !== 'com.microsoft:partition')
    return refuse(400, 'amqp:not-implemented', 'The type is not supported.');
  return partitionInfo(hub, String(partition));
}

function eventHubInfo(hub: Hub) {
  return {
    name: EVENT_HUB_NAME,
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

/** AMQP's str8: partition ids are an array of it. */
const STRING_TYPE_CODE = 0xa1;

function partitionInfo(hub: Hub, id: string): Reply {
  const log = hub.partitions.find((partition) => partition.id === id);
  if (!log) {
    return refuse(
      400,
      'com.microsoft:argument-out-of-range',
      'The specified partition is invalid for an EventHub partition sender or receiver. ' +
        `It should be between 0 and ${hub.partitions.length - 1}.`,
    );
  }
  return {
    status: 200,
    description: 'OK',
    body: {
      name: EVENT_HUB_NAME,
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

/** rhea gives an amqp-value body as itself and other sections wrapped. */
function bodyOf(request: Message): unknown {
  const { body } = request as { body?: unknown };
  return typeof body === 'object' && body !== null && 'content' in body ? body.content : body;
}
