/** Cloud-to-device messages, as services send them over AMQP. */

import type { Message } from 'rhea';
import type { AmqpCondition } from '../amqp';
import { ACKNOWLEDGEMENTS, type Acknowledgement, type CloudMessage } from '../cloudToDevice';
import type { Hub } from '../hub';
import { IotHubError, throttled } from '../iotHubError';

/** The node to which services send (iot-hub-devguide-messages-c2d). */
export const isDevicebound = (path: string): boolean => path.toLowerCase() === 'messages/devicebound';

const TO = /^\/?devices\/([^/]+)\/messages\/devicebound$/i;

/** The conditions that Microsoft's service SDKs turn into their errors. */
const CONDITIONS: Partial<Record<IotHubError['code'], string>> = {
  DeviceNotFound: 'amqp:not-found',
  DeviceMaximumQueueDepthExceeded: 'amqp:resource-limit-exceeded',
  MessageTooLarge: 'amqp:link:message-size-exceeded',
  ThrottlingBacklogTimeout: 'com.microsoft:device-container-throttled',
};

/** Puts a message into its device's queue, or returns the error with which the hub rejects it. */
export function sendToDevice(hub: Hub, message: Message): AmqpCondition | undefined {
  hub.requests.messages++;
  try {
    if (!hub.throttle.allow('messages')) throw throttled('CloudToDeviceSend');
    hub.messages.send(deviceIdOf(message), readMessage(message));
    return undefined;
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    return { condition: CONDITIONS[error.code] ?? 'amqp:invalid-field', description: error.message };
  }
}

function deviceIdOf({ to }: Message): string {
  const id = TO.exec(to ?? '')?.[1];
  if (id === undefined) throw new IotHubError('ArgumentInvalid', "The message has no device in its 'to'.");
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function readMessage(message: Message): CloudMessage {
  const { 'iothub-ack': ack, ...properties } = (message.application_properties ?? {}) as Record<
    string,
    unknown
  >;
  const { absolute_expiry_time: expiry } = message as { absolute_expiry_time?: Date | number };
  return {
    body: bytesOf((message as { body?: unknown }).body),
    messageId: text(message.message_id),
    correlationId: text(message.correlation_id),
    userId: text(message.user_id),
    contentType: text(message.content_type),
    contentEncoding: text(message.content_encoding),
    acknowledgement: readAcknowledgement(ack),
    expiry: expiry === undefined ? undefined : Number(expiry) || undefined,
    properties: Object.entries(properties).map(([name, value]) => [name, text(value) ?? ''] as const),
  };
}

function readAcknowledgement(ack: unknown): Acknowledgement {
  if (ack === undefined || ack === null) return 'none';
  const known = ACKNOWLEDGEMENTS.find((name) => name === ack);
  if (known === undefined) throw new IotHubError('ArgumentInvalid', 'iothub-ack is not one of its values.');
  return known;
}

function text(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function bytesOf(body: unknown): Buffer {
  const content = typeof body === 'object' && body !== null && 'content' in body ? body.content : body;
  return Buffer.isBuffer(content) ? content : Buffer.from(text(content) ?? '');
}
