import { Message } from 'azure-iot-common';
import { Problem } from '../../problems';
import { MAX_ITEM_BYTES } from './batch';
import { requireMessageId, requireProperties } from '../validation';

/** IoT Hub: 256 KB for body, system properties and application properties (iot-hub-devguide-quotas-throttling). */
export const MAX_MESSAGE_BYTES = 256 * 1024;

const CONTENT_TYPE = 'application/json';
const CONTENT_ENCODING = 'utf-8';
const APPLICATION_PREFIX = 'iothub-app-';
/** iot-hub-devguide-messages-construct: as it is on a single message, and with the prefix in a batch. */
const CREATION_TIME = 'iothub-creation-time-utc';
const CLOSE_BRACE = Buffer.from('}');
/**
 * As headers, properties have little room: HTTP.sys, which serves IoT Hub, takes 16 KB of headers by default
 * (MaxRequestBytes), and the authorization and path need some of it. A message with more goes in the form of a batch.
 */
const MAX_PROPERTY_HEADER_BYTES = 8 * 1024;

/** One device-to-cloud message, as its sender gave it. */
export interface TelemetryMessage {
  /** any JSON value, in UTF-8: it reaches the hub as it is */
  json: Buffer;
  messageId: string;
  /** when the event happened: ISO 8601, UTC */
  createdAt?: string | undefined;
  /** application properties */
  properties: Readonly<Record<string, string>>;
}

/** The SDK's message, with what this app sends beside its body, and the end of the time that there is to send it. */
export class DeviceMessage extends Message {
  #batchItem: string | undefined;

  constructor(
    body: Buffer,
    private readonly sent: Omit<TelemetryMessage, 'json'>,
    /** the end of the time that there is to send it, alone or with others */
    public signal: AbortSignal,
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

  /** Whether it goes to the hub in the form of a batch even when it is alone. */
  get needsBatch(): boolean {
    return headerBytes(this.sent.properties) > MAX_PROPERTY_HEADER_BYTES;
  }

  /**
   * This message in an HTTPS batch, as one JSON object in ASCII. The names of the system properties are those that
   * Microsoft's device SDK for Java sends (its `HttpsBatchMessage` and `HttpsSingleMessage`). What is sent as a property
   * has been validated, and needs no escapes.
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

/** What reaches the hub is `{"deviceId", "Data"}`: the analytics query reads `Data`.
 *
 * @throws {Problem} `invalid_message_id`, `invalid_property`, `message_too_large`
 */
export function toDeviceMessage(
  deviceId: string,
  { json, messageId, createdAt, properties: givenProperties }: TelemetryMessage,
  signal: AbortSignal,
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
      `The message takes ${bytes} bytes with its properties; IoT Hub takes ${MAX_MESSAGE_BYTES}.`,
    );
  }
  const body = Buffer.concat([before, json, CLOSE_BRACE]);
  const message = new DeviceMessage(body, { messageId, createdAt, properties }, signal);
  if (message.needsBatch && message.batchItem.length > MAX_ITEM_BYTES) {
    throw new Problem(
      'message_too_large',
      `The message has more than ${MAX_PROPERTY_HEADER_BYTES} bytes of properties. With those, IoT Hub takes ` +
        `${MAX_ITEM_BYTES} bytes, its body counted as base64; it has ${message.batchItem.length}.`,
    );
  }
  return message;
}

/** What the application properties take as headers, in bytes: each with its prefix, colon, space and line end. */
function headerBytes(properties: TelemetryMessage['properties']): number {
  let bytes = 0;
  for (const name of Object.keys(properties)) {
    bytes += APPLICATION_PREFIX.length + name.length + (properties[name] ?? '').length + 4;
  }
  return bytes;
}
