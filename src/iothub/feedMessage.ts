import { isUtf8 } from 'node:buffer';
import type { ReceivedEventData } from '@azure/event-hubs';

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
  /** message and body as one line of JSON; a JSON body is the very text that the device sent: nothing is rounded */
  json: string;
  /** size of `json` */
  bytes: number;
}

const DEVICE_ID = 'iothub-connection-device-id';
/** These stand in fields of their own. */
const TOP_LEVEL = new Set([DEVICE_ID, 'messageId', 'contentType', 'correlationId']);
/** Content encodings whose bytes are the text itself. */
const PLAIN_ENCODINGS = new Set(['', 'utf-8', 'utf8', 'identity']);

export function encodeFeedMessage(partitionId: string, event: ReceivedEventData): EncodedFeedMessage {
  const system = event.systemProperties ?? {};
  const message: FeedMessage = {
    partitionId,
    offset: event.offset,
    sequenceNumber: event.sequenceNumber,
    enqueuedTimeUtc: event.enqueuedTimeUtc.toISOString(),
    deviceId: asText(system[DEVICE_ID]),
    messageId: asText(event.messageId),
    ...(event.correlationId === undefined ? {} : { correlationId: asText(event.correlationId) ?? '' }),
    contentType: asText(event.contentType),
    properties: event.properties ?? {},
    systemProperties: Object.fromEntries(
      Object.entries(system).filter(([name]) => !TOP_LEVEL.has(name) && !name.startsWith('x-opt-')),
    ),
  };
  const body = bodyAsJson(event.body, message.contentType, asText(system.contentEncoding));
  const json = `${JSON.stringify(message).slice(0, -1)},"body":${body}}`;
  return { message, json, bytes: Buffer.byteLength(json) };
}

/** JSON stays JSON, text becomes a string, the rest base64; an encoded (compressed …) body stays as it was sent. */
function bodyAsJson(body: unknown, contentType: string | null, contentEncoding: string | null): string {
  if (!(body instanceof Uint8Array)) return JSON.stringify(body ?? null);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!PLAIN_ENCODINGS.has((contentEncoding ?? '').toLowerCase())) {
    return JSON.stringify({ base64: bytes.toString('base64'), contentEncoding });
  }
  if (!isUtf8(bytes)) return JSON.stringify({ base64: bytes.toString('base64') });
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  return !/^text\//i.test(contentType ?? '') && isJson(text)
    ? text.replace(/[\r\n]+/g, ' ')
    : JSON.stringify(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function asText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : null;
}
