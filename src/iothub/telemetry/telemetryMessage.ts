import { Message } from 'azure-iot-common';
import { Problem } from '../../problems';
import { requireMessageId, requireProperties } from '../validation';

/** IoT Hub: 256 KB for body, system properties and application properties (iot-hub-devguide-quotas-throttling). */
export const MAX_MESSAGE_BYTES = 256 * 1024;

const CONTENT_TYPE = 'application/json';
const CONTENT_ENCODING = 'utf-8';

/** One device-to-cloud message, as its sender gave it. */
export interface TelemetryMessage {
  /** any JSON value, as text: it reaches the hub as it is */
  json: string;
  messageId: string;
  /** application properties */
  properties: Readonly<Record<string, string>>;
}

/** The SDK's message, with the end of the time that there is to send it. */
export class DeviceMessage extends Message {
  #batchItem: string | undefined;

  constructor(
    body: string,
    readonly signal: AbortSignal,
  ) {
    super(body);
  }

  /**
   * This message in an HTTPS batch, as one JSON object in ASCII. The names of the system properties are those that
   * Microsoft's device SDK for Java sends (its `HttpsBatchMessage` and `HttpsSingleMessage`).
   */
  get batchItem(): string {
    this.#batchItem ??= JSON.stringify({
      body: this.getBytes().toString('base64'),
      base64Encoded: true,
      properties: Object.fromEntries(hubProperties(this)),
    });
    return this.#batchItem;
  }
}

/** What reaches the hub is `{"deviceId", "Data"}`: the analytics query reads `Data`.
 *
 * @throws {Problem} `invalid_message_id`, `invalid_property`, `message_too_large`
 */
export function toDeviceMessage(
  deviceId: string,
  { json, messageId, properties }: TelemetryMessage,
  signal: AbortSignal,
): DeviceMessage {
  requireMessageId(messageId);
  requireProperties(properties);
  const body = `{"deviceId":${JSON.stringify(deviceId)},"Data":${json}}`;
  let bytes = Buffer.byteLength(body) + messageId.length + CONTENT_TYPE.length + CONTENT_ENCODING.length;
  const message = new DeviceMessage(body, signal);
  message.messageId = messageId;
  message.contentType = CONTENT_TYPE;
  message.contentEncoding = CONTENT_ENCODING;
  for (const [name, value] of Object.entries(properties)) {
    message.properties.add(name, value);
    bytes += name.length + value.length;
  }
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new Problem(
      'message_too_large',
      `The message takes ${bytes} bytes with its properties; IoT Hub takes ${MAX_MESSAGE_BYTES}.`,
    );
  }
  return message;
}

/** System and application properties by the names that they have over HTTPS, as headers or in a batch. */
export function hubProperties(message: Message): [name: string, value: string][] {
  const system: [string, string | undefined][] = [
    ['iothub-messageid', message.messageId],
    ['iothub-contenttype', message.contentType],
    ['iothub-contentencoding', message.contentEncoding],
  ];
  const application = message.properties.propertyList as { key: string; value: string }[];
  return [
    ...system.flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
    ...application.map(({ key, value }): [string, string] => [`iothub-app-${key}`, value]),
  ];
}
