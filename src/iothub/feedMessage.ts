import { isUtf8 } from 'node:buffer';
import type { Message } from 'rhea';

/** A device-to-cloud message as the feed gives it. */
export interface FeedMessage {
  partitionId: string;
  /** Event Hubs offset, as the service gives it */
  offset: string;
  sequenceNumber: number;
  /** ISO 8601, UTC */
  enqueuedTimeUtc: string;
  /** the sender that IoT Hub authenticated, whatever the body claims; null where the hub names none */
  deviceId: string | null;
  messageId: string | null;
  correlationId: string | undefined;
  contentType: string | null;
  /** application properties */
  properties: Record<string, unknown>;
  /** the rest of the system properties, by IoT Hub's names (`iothub-connection-auth-method` …) */
  systemProperties: Record<string, unknown>;
  body: FeedBody;
}

/** The body as JSON text; where the device sent JSON, the very text that it sent: nothing is rounded. */
export interface FeedBody {
  json: string;
  /** `binary`: the JSON is `{"base64": …}` */
  kind: 'json' | 'text' | 'binary';
}

/** How a message is written, as one JSON object on one line. */
export type EncodeMessage = (message: FeedMessage) => string;

/** A message that is ready to be written. Just that is kept of it: an answer may hold 10,000. */
export interface EncodedFeedMessage {
  sequenceNumber: number;
  offset: string;
  enqueuedTimeUtc: string;
  /** UTF-8 */
  encoded: Buffer;
}

const DEVICE_ID = 'iothub-connection-device-id';
/** Annotations that stand in fields of their own. */
const OWN_FIELDS = new Set([
  DEVICE_ID,
  'x-opt-sequence-number',
  'x-opt-offset',
  'x-opt-enqueued-time',
  'x-opt-partition-key',
]);
/** AMQP's message properties and what IoT Hub calls them (iot-hub-devguide-messages-construct). */
const AMQP_PROPERTIES = {
  user_id: 'user-id',
  to: 'to',
  subject: 'subject',
  reply_to: 'reply-to',
  content_encoding: 'content-encoding',
  absolute_expiry_time: 'absolute-expiry-time',
  creation_time: 'creation-time-utc',
  group_id: 'group-id',
} as const satisfies Partial<Record<keyof Message, string>>;
/** Content encodings whose bytes are the text itself. */
const PLAIN_ENCODINGS = new Set(['', 'utf-8', 'utf8', 'identity']);

/** @param message as rhea has decoded it from an Event Hub-compatible endpoint */
export function readFeedMessage(partitionId: string, message: Message): FeedMessage {
  const annotations = (message.message_annotations ?? {}) as Record<string, unknown>;
  const { message_id: messageId, correlation_id: correlationId } = message;
  const contentType = asText(message.content_type);
  return {
    partitionId,
    offset: String(annotations['x-opt-offset']),
    sequenceNumber: Number(annotations['x-opt-sequence-number']),
    enqueuedTimeUtc: new Date(annotations['x-opt-enqueued-time'] as Date | number).toISOString(),
    deviceId: asText(annotations[DEVICE_ID]),
    messageId: asText(messageId),
    correlationId: asText(correlationId) ?? undefined,
    contentType,
    properties: asJson(message.application_properties),
    systemProperties: systemProperties(message, annotations),
    body: readBody(contentOf(message.body), contentType, asText(message.content_encoding) ?? ''),
  };
}

export function encodeFeedMessage(message: FeedMessage, encode: EncodeMessage): EncodedFeedMessage {
  const { sequenceNumber, offset, enqueuedTimeUtc } = message;
  return { sequenceNumber, offset, enqueuedTimeUtc, encoded: Buffer.from(encode(message)) };
}

/** The feed's own form. Written by hand: a poll's time goes here, message by message. */
export const toJson: EncodeMessage = (m) =>
  `{"partitionId":"${m.partitionId}","offset":${quote(m.offset)},"sequenceNumber":${m.sequenceNumber}` +
  `,"enqueuedTimeUtc":"${m.enqueuedTimeUtc}","deviceId":${quote(m.deviceId)},"messageId":${quote(m.messageId)}` +
  (m.correlationId === undefined ? '' : `,"correlationId":${quote(m.correlationId)}`) +
  `,"contentType":${quote(m.contentType)},"properties":${JSON.stringify(m.properties)}` +
  `,"systemProperties":${JSON.stringify(m.systemProperties)},"body":${m.body.json}}`;

const NEEDS_NO_ESCAPE = /^[\w .:/;=+@-]*$/;

function quote(text: string | null): string {
  if (text === null) return 'null';
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

function systemProperties(message: Message, annotations: Record<string, unknown>): Record<string, unknown> {
  const system: Record<string, unknown> = {};
  for (const name in annotations) if (!OWN_FIELDS.has(name)) system[name] = jsonValue(annotations[name]);
  for (const name in AMQP_PROPERTIES) {
    const value: unknown = message[name as keyof typeof AMQP_PROPERTIES];
    if (value != null) system[AMQP_PROPERTIES[name as keyof typeof AMQP_PROPERTIES]] = jsonValue(value);
  }
  return system;
}

/** AMQP's sections of a body: data, which devices send; a sequence or a single value, which services may. */
function contentOf(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('typecode' in body) || !('content' in body)) return body;
  const { content } = body;
  const parts = Array.isArray(content) ? (content as unknown[]) : [content];
  if (!parts.every((part) => Buffer.isBuffer(part))) return content;
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** JSON stays JSON, text becomes a string, the rest base64; an encoded (compressed …) body stays as it was sent. */
function readBody(content: unknown, contentType: string | null, contentEncoding: string): FeedBody {
  if (!Buffer.isBuffer(content)) return { kind: 'json', json: JSON.stringify(jsonValue(content ?? null)) };
  if (!PLAIN_ENCODINGS.has(contentEncoding.toLowerCase())) {
    return { kind: 'binary', json: JSON.stringify({ base64: content.toString('base64'), contentEncoding }) };
  }
  if (!isUtf8(content)) return { kind: 'binary', json: `{"base64":"${content.toString('base64')}"}` };
  const text = content.toString('utf8').replace(/^\uFEFF/, '');
  const isText = contentType !== null && /^text\//i.test(contentType);
  if (isText || !isJson(text)) return { kind: 'text', json: JSON.stringify(text) };
  // Line ends within JSON are white space between its parts: without them a message fits on one line.
  return { kind: 'json', json: text.replace(/[\r\n]+/g, ' ') };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function asJson(properties: unknown): Record<string, unknown> {
  const map = (properties ?? {}) as Record<string, unknown>;
  const json: Record<string, unknown> = {};
  for (const name in map) json[name] = jsonValue(map[name]);
  return json;
}

/** AMQP values that JSON lacks: binary (and what rhea gives for integers beyond 2^53) as base64. */
function jsonValue(value: unknown): unknown {
  return Buffer.isBuffer(value) ? { base64: value.toString('base64') } : value;
}

/** Message ids are texts, numbers, UUIDs or binary. */
function asText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return Buffer.isBuffer(value) ? value.toString('hex') : null;
}
