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
  correlationId?: string;
  contentType: string | null;
  /** application properties */
  properties: Record<string, unknown>;
  /** the rest of the system properties, by IoT Hub's names (`iothub-connection-auth-method` …) */
  systemProperties: Record<string, unknown>;
}

/** A message with its body, ready to be written. */
export interface EncodedFeedMessage {
  message: FeedMessage;
  /** the body as JSON; where the device sent JSON, the very text that it sent: nothing is rounded */
  body: string;
  /** size of message and body in bytes, about: what a message adds to an answer */
  bytes: number;
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
/** What names and punctuation of the fields of a message take, about. */
const FIELDS_BYTES = 200;

/** @param message as rhea has decoded it from an Event Hub-compatible endpoint */
export function readFeedMessage(partitionId: string, message: Message): EncodedFeedMessage {
  const annotations = (message.message_annotations ?? {}) as Record<string, unknown>;
  const { message_id: messageId, correlation_id: correlationId, content_type: contentType } = message;
  const type = asText(contentType);
  const read: FeedMessage = {
    partitionId,
    offset: String(annotations['x-opt-offset']),
    sequenceNumber: Number(annotations['x-opt-sequence-number']),
    enqueuedTimeUtc: new Date(annotations['x-opt-enqueued-time'] as Date | number).toISOString(),
    deviceId: asText(annotations[DEVICE_ID]),
    messageId: asText(messageId),
    ...(correlationId === undefined ? {} : { correlationId: asText(correlationId) ?? '' }),
    contentType: type,
    properties: asJson(message.application_properties),
    systemProperties: systemProperties(message, annotations),
  };
  const { text, bytes } = bodyAsJson(contentOf(message.body), type, asText(message.content_encoding) ?? '');
  return { message: read, body: text, bytes: FIELDS_BYTES + sizeOf(message) + bytes };
}

/** The message as one JSON object on one line. */
export function toJson({ message, body }: EncodedFeedMessage): string {
  return `${JSON.stringify(message).slice(0, -1)},"body":${body}}`;
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
function bodyAsJson(
  content: unknown,
  contentType: string | null,
  contentEncoding: string,
): { text: string; bytes: number } {
  if (!Buffer.isBuffer(content)) return sized(JSON.stringify(jsonValue(content ?? null)));
  if (!PLAIN_ENCODINGS.has(contentEncoding.toLowerCase())) {
    return sized(JSON.stringify({ base64: content.toString('base64'), contentEncoding }));
  }
  if (!isUtf8(content)) return sized(JSON.stringify({ base64: content.toString('base64') }));
  const text = content.toString('utf8').replace(/^\uFEFF/, '');
  if (contentType !== null && /^text\//i.test(contentType)) return sized(JSON.stringify(text));
  if (!isJson(text)) return sized(JSON.stringify(text));
  // Line ends within JSON are white space between its parts: without them a message fits on one line.
  return { text: text.replace(/[\r\n]+/g, ' '), bytes: content.length };
}

function sized(text: string): { text: string; bytes: number } {
  return { text, bytes: Buffer.byteLength(text) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function sizeOf({ application_properties: properties, message_annotations: annotations }: Message): number {
  let bytes = 0;
  for (const map of [properties, annotations] as (Record<string, unknown> | undefined)[]) {
    for (const name in map) {
      const value = map[name];
      bytes += 6 + Buffer.byteLength(name) + (typeof value === 'string' ? Buffer.byteLength(value) : 24);
    }
  }
  return bytes;
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
