import { IotHubError } from '../iotHubError';
import type { TelemetryMessage } from '../partitionLog';

/**
 * iot-hub-devguide-messages-construct: a message holds 256 KB, counting its body, the values of its system properties
 * and the names and values of its application properties. A batch holds 256 KB too.
 */
export const MAX_MESSAGE_BYTES = 256 * 1024;

/** Limit of an HTTPS batch: 255 KB minus one byte (source: Microsoft's device SDK for Java). */
export const MAX_BATCH_BYTES = 255 * 1024 - 1;

/** iot-hub-devguide-messages-construct, "message-id": up to 128 characters. */
const MAX_MESSAGE_ID_CHARS = 128;

/** @throws IotHubError ArgumentInvalid */
export function assertMessageId(messageId = ''): void {
  if (messageId.length > MAX_MESSAGE_ID_CHARS) {
    throw new IotHubError('ArgumentInvalid', `A message id has at most ${MAX_MESSAGE_ID_CHARS} characters.`);
  }
}

/** The size that the hub counts, in bytes. */
export function messageSize(message: Pick<TelemetryMessage, 'body' | 'system' | 'properties'>): number {
  let size = message.body.length;
  for (const value of Object.values(message.system) as string[]) size += Buffer.byteLength(value);
  for (const [name, value] of message.properties) size += Buffer.byteLength(name) + Buffer.byteLength(value);
  return size;
}

export const tooLarge = (limit: number) =>
  new IotHubError('MessageTooLarge', `The message or batch exceeds ${limit} bytes.`);

/** 403 until the next day begins (UTC). The text is that of the service, without its numbers. */
export const quotaExceeded = (hubName: string) =>
  new IotHubError(
    'IotHubQuotaExceeded',
    `Total number of messages on IotHub '${hubName}' exceeded the allocated quota. ` +
      'Send and Receive operations are blocked for this hub until the next UTC day.',
  );
