import type { Message } from 'rhea';
import { hubMemberJson, isoTime, joined, objectJson, quote, quoteOrNull } from './amqpJson';
import { VISITOR_PROPERTY } from '../../visitors';
import { type FeedBody, readBody } from './readBody';

/** A device-to-cloud message as the feed returns it. */
export interface FeedMessage {
  partitionId: string;
  /** Event Hubs offset */
  offset: string;
  sequenceNumber: number;
  /** ISO 8601, UTC */
  enqueuedTimeUtc: string;
  /** the sender that IoT Hub authenticated, regardless of the body; null if the hub names none */
  deviceId: string | null;
  /** the gateway that a visitor's message came through */
  gatewayDeviceId: string | undefined;
  messageId: string | null;
  /** when the client created the message: ISO 8601, UTC */
  createdAt: string | undefined;
  correlationId: string | undefined;
  contentType: string | null;
  /** application properties as a JSON object */
  properties: string;
  /** other system properties as a JSON object, by IoT Hub's names (`iothub-connection-auth-method` …) */
  systemProperties: string;
  body: FeedBody;
}

/** Serializes a message as one JSON object on one line. */
export type EncodeMessage = (message: FeedMessage) => string;

/** A serialized message. Nothing else of the message is kept, because a page may contain 10,000. */
export interface EncodedFeedMessage {
  sequenceNumber: number;
  offset: string;
  enqueuedTimeUtc: string;
  /** as `encode` serialized it */
  text: string;
  /** of the text in UTF-8 */
  bytes: number;
}

/** A comma or a line feed between two messages. */
const SEPARATOR_BYTES = 1;

/** The size of a message in a response, with its separator. */
export const bytesOf = ({ bytes }: EncodedFeedMessage): number => bytes + SEPARATOR_BYTES;

const DEVICE_ID = 'iothub-connection-device-id';
/**
 * A system property that IoT Hub delivers as an application property, or as an annotation if the message was routed.
 */
const CREATION_TIME = 'iothub-creation-time-utc';
/** Annotations that are returned as separate fields. */
const OWN_FIELDS = new Set([
  DEVICE_ID,
  CREATION_TIME,
  'x-opt-sequence-number',
  'x-opt-offset',
  'x-opt-enqueued-time',
  'x-opt-partition-key',
]);
/** AMQP message properties and IoT Hub's names for them (iot-hub-devguide-messages-construct). */
const AMQP_PROPERTIES: readonly (readonly [name: keyof Message, systemName: string])[] = [
  ['user_id', 'user-id'],
  ['to', 'to'],
  ['subject', 'subject'],
  ['reply_to', 'reply-to'],
  ['content_encoding', 'content-encoding'],
  ['absolute_expiry_time', 'absolute-expiry-time'],
  ['group_id', 'group-id'],
];

/** @param message from an Event Hub-compatible endpoint, decoded by rhea */
export function readFeedMessage(
  partitionId: string,
  message: Message,
  isGateway: (deviceId: string) => boolean,
): FeedMessage {
  const annotations = (message.message_annotations ?? {}) as Record<string, unknown>;
  const { message_id: messageId, correlation_id: correlationId } = message;
  const application = (message.application_properties ?? {}) as Record<string, unknown>;
  const createdAt = application[CREATION_TIME];
  const senderId = asText(annotations[DEVICE_ID]);
  // The visitor property is only trusted from gateways.
  const visitorId = senderId !== null && isGateway(senderId) ? asText(application[VISITOR_PROPERTY]) : null;
  const own = [
    ...(createdAt === undefined ? [] : [CREATION_TIME]),
    ...(visitorId === null ? [] : [VISITOR_PROPERTY]),
  ];
  const contentType = asText(message.content_type);
  return {
    partitionId,
    offset: String(annotations['x-opt-offset']),
    sequenceNumber: Number(annotations['x-opt-sequence-number']),
    enqueuedTimeUtc: isoTime(annotations['x-opt-enqueued-time'] as Date | number),
    deviceId: visitorId ?? senderId,
    gatewayDeviceId: visitorId === null ? undefined : (senderId ?? undefined),
    messageId: asText(messageId),
    createdAt: asTime(createdAt ?? annotations[CREATION_TIME] ?? message.creation_time),
    correlationId: asText(correlationId) ?? undefined,
    contentType,
    properties: objectJson(own.length === 0 ? application : without(own, application)),
    systemProperties: systemProperties(message, annotations),
    body: readBody(contentOf(message.body), contentType, asText(message.content_encoding) ?? ''),
  };
}

export function encodeFeedMessage(message: FeedMessage, encode: EncodeMessage): EncodedFeedMessage {
  const { sequenceNumber, offset, enqueuedTimeUtc } = message;
  const text = encode(message);
  return { sequenceNumber, offset, enqueuedTimeUtc, text, bytes: Buffer.byteLength(text) };
}

/** The feed's JSON format. */
export const toJson: EncodeMessage = (m) =>
  `{"partitionId":"${m.partitionId}","offset":${quote(m.offset)},"sequenceNumber":${m.sequenceNumber}` +
  `,"enqueuedTimeUtc":"${m.enqueuedTimeUtc}","deviceId":${quoteOrNull(m.deviceId)}` +
  (m.gatewayDeviceId === undefined ? '' : `,"gatewayDeviceId":${quote(m.gatewayDeviceId)}`) +
  `,"messageId":${quoteOrNull(m.messageId)}` +
  (m.createdAt === undefined ? '' : `,"createdAt":${quote(m.createdAt)}`) +
  (m.correlationId === undefined ? '' : `,"correlationId":${quote(m.correlationId)}`) +
  `,"contentType":${quoteOrNull(m.contentType)},"properties":${m.properties}` +
  `,"systemProperties":${m.systemProperties},"body":${m.body.json}}`;

function systemProperties(message: Message, annotations: Record<string, unknown>): string {
  let members = '';
  for (const name in annotations) {
    if (!OWN_FIELDS.has(name)) members = joined(members, hubMemberJson(name, annotations[name]));
  }
  for (const [name, systemName] of AMQP_PROPERTIES) {
    if (message[name] != null) members = joined(members, hubMemberJson(systemName, message[name]));
  }
  return `{${members}}`;
}

/** The body sections of AMQP: devices send data; services may send a sequence or a single value. */
function contentOf(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('typecode' in body) || !('content' in body)) return body;
  const { content } = body;
  const parts = Array.isArray(content) ? (content as unknown[]) : [content];
  if (!parts.every((part) => Buffer.isBuffer(part))) return content;
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

function without(names: readonly string[], map: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !names.includes(key)));
}

/** The text as it was sent, or ISO 8601 if it was an AMQP timestamp. */
function asTime(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Date && !Number.isNaN(value.getTime()) ? isoTime(value) : undefined;
}

/** AMQP message ids are strings, numbers, UUIDs or binary. */
function asText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return Buffer.isBuffer(value) ? value.toString('hex') : null;
}
