import { Message } from 'azure-iot-common';
import { Problem } from '../../errorCodes';
import { MAX_ITEM_BYTES } from './batch';
import { requireMessageId, requireProperties } from '../validation';

/** IoT Hub: 256 KB for body, system properties and application properties (iot-hub-devguide-quotas-throttling). */
export const MAX_MESSAGE_BYTES = 256 * 1024;

const CONTENT_TYPE = 'application/json';
const CONTENT_ENCODING = 'utf-8';
const APPLICATION_PREFIX = 'iothub-app-';
/**
 * iot-hub-devguide-messages-construct: the header of the creation time in a single message. In a batch, `iothub-app-`
 * precedes the name.
 */
const CREATION_TIME = 'iothub-creation-time-utc';
const CLOSE_BRACE = Buffer.from('}');
/**
 * Maximum size of properties as headers. HTTP.sys, the HTTP server of IoT Hub, accepts 16 KB of headers by default
 * (MaxRequestBytes), of which authorization and path need a part. A message with larger properties is sent as a batch.
 */
const MAX_PROPERTY_HEADER_BYTES = 8 * 1024;

/** One device-to-cloud message, as the client sent it. */
export interface TelemetryMessage {
  /** any JSON value in UTF-8, which reaches the hub unchanged */
  json: Buffer;
  messageId: string;
  /** when the event happened: ISO 8601, UTC */
  createdAt?: string | undefined;
  /** application properties */
  properties: Readonly<Record<string, string>>;
}

/** The SDK's message, with the system properties that this app sends, and the deadline for sending it. */
export class DeviceMessage extends Message {
  #batchItem: string | undefined;

  constructor(
    body: Buffer,
    private readonly sent: Omit<TelemetryMessage, 'json'>,
    /** aborted at the deadline for sending the message; for a shared batch, set when the batch is sent */
    public signal: AbortSignal | undefined,
  ) {
    super(body);
    this.messageId = sent.messageId;
  }

  /** System and application properties by their names as headers of a single message. */
  get headers(): string[] {
    const { messageId, createdAt, properties } = this.sent;
    const headers = ['iothub-messageid', messageId, 'iothub-contenttype', CONTENT_TYPE];
    headers.push('iothub-contentencoding', CONTENT_ENCODING);
    if (createdAt !== undefined) headers.push(CREATION_TIME, createdAt);
    for (const name of Object.keys(properties))
      headers.push(APPLICATION_PREFIX + name, properties[name] ?? '');
    return headers;
  }

  /** Whether it is sent as a batch even if it is the only message. */
  get needsBatch(): boolean {
    return headerBytes(this.sent.properties) > MAX_PROPERTY_HEADER_BYTES;
  }

  /**
   * This message in an HTTPS batch, as one JSON object in ASCII. The names of the system properties are those that
   * Microsoft's device SDK for Java sends (its `HttpsBatchMessage` and `HttpsSingleMessage`). Properties have been
   * validated and need no escapes.
   */
  get batchItem(): string {
    if (this.#batchItem !== undefined) return this.#batchItem;
    const { messageId, createdAt, properties } = this.sent;
    let members = `"iothub-messageid":"${messageId}","iothub-contenttype":"${CONTENT_TYPE}"`;
    members += `,"iothub-contentencoding":"${CONTENT_ENCODING}"`;
    if (createdAt !== undefined) members += `,"${APPLICATION_PREFIX}${CREATION_TIME}":"${createdAt}"`;
    for (const name of Object.keys(properties)) {
      members += `,"${APPLICATION_PREFIX}${name}":"${properties[name] ?? ''}"`;
    }
    const body = this.getBytes().toString('base64');
    this.#batchItem = `{"body":"${body}","base64Encoded":true,"properties":{${members}}}`;
    return this.#batchItem;
  }
}

/**
 * Creates the body `{"deviceId", "Data"}`. The analytics query reads `Data`.
 *
 * @throws {Problem} `invalid_message_id`, `invalid_property`, `message_too_large`
 */
export function toDeviceMessage(
  deviceId: string,
  { json, messageId, createdAt, properties: givenProperties }: TelemetryMessage,
  signal: AbortSignal | undefined,
  ownProperties: TelemetryMessage['properties'] = {},
): DeviceMessage {
  requireMessageId(messageId);
  requireProperties(givenProperties);
  const properties = { ...givenProperties, ...ownProperties };
  const before = Buffer.from(`{"deviceId":${JSON.stringify(deviceId)},"Data":`);
  let bytes =
    before.length + json.length + 1 + messageId.length + CONTENT_TYPE.length + CONTENT_ENCODING.length;
  if (createdAt !== undefined) bytes += CREATION_TIME.length + createdAt.length;
  for (const name of Object.keys(properties)) bytes += name.length + (properties[name] ?? '').length;
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new Problem(
      'message_too_large',
      `The message has ${bytes} bytes with its properties. IoT Hub accepts ${MAX_MESSAGE_BYTES}.`,
    );
  }
  const body = Buffer.concat([before, json, CLOSE_BRACE]);
  const message = new DeviceMessage(body, { messageId, createdAt, properties }, signal);
  if (message.needsBatch && message.batchItem.length > MAX_ITEM_BYTES) {
    throw new Problem(
      'message_too_large',
      `The properties have more than ${MAX_PROPERTY_HEADER_BYTES} bytes. With such properties, IoT Hub accepts ` +
        `${MAX_ITEM_BYTES} bytes, with the body as base64. This message has ${message.batchItem.length}.`,
    );
  }
  return message;
}

/** Size of the application properties as headers in bytes: each with its prefix, colon, space and line end. */
function headerBytes(properties: TelemetryMessage['properties']): number {
  let bytes = 0;
  for (const name of Object.keys(properties)) {
    bytes += APPLICATION_PREFIX.length + name.length + (properties[name] ?? '').length + 4;
  }
  return bytes;
}
