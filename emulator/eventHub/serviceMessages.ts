/** Cloud-to-device messages, as services send them over AMQP. */

import type { Message } from 'rhea';
import { bytesOf, idOf, textOf, textProperties, type AmqpCondition } from '../amqp';
import { amqpError } from '../amqpError';
import { decodePathSegment } from '../decodePathSegment';
import { ACKNOWLEDGEMENTS, type Acknowledgement, type CloudMessage } from '../cloudToDevice';
import { applyDeviceFault } from '../deviceFaults';
import type { Hub } from '../hub';
import { IotHubError, notImplemented, throttled } from '../iotHubError';

/** The node to which services send (iot-hub-devguide-messages-c2d). */
export const isDevicebound = (path: string): boolean => path.toLowerCase() === 'messages/devicebound';

const TO = /^\/?devices\/([^/]+)\/messages\/devicebound$/i;

const TO_MODULE = /^\/?devices\/[^/]+\/modules\/[^/]+\/messages\/devicebound$/i;

/** The application property with the feedback that the sender requests. */
const ACK = 'iothub-ack';

/** How the link responds to a message. */
export interface MessageResponse {
  /** @param error the error with which the hub rejects the message */
  settle(error?: AmqpCondition): void;
  /** Resets the connection. */
  reset(): void;
}

/** Puts a message into its device's queue, or rejects it, as the armed faults allow. */
export function sendToDevice(hub: Hub, message: Message, { settle, reset }: MessageResponse): void {
  hub.requests.messages++;
  applyDeviceFault(hub, 'messages', deviceIdIn(message), {
    carryOut(rejection) {
      const error = send(hub, message, rejection);
      return () => settle(error);
    },
    reset,
    later: (delayMs, work) => void setTimeout(work, delayMs).unref(),
  });
}

function send(hub: Hub, message: Message, rejection: IotHubError | undefined): AmqpCondition | undefined {
  try {
    if (rejection) throw rejection;
    if (!hub.throttle.allow('messages')) throw throttled('CloudToDeviceSend');
    if (TO_MODULE.test(message.to ?? '')) throw notImplemented('cloud-to-device messages for modules');
    const deviceId = deviceIdIn(message);
    if (deviceId === '') throw new IotHubError('ArgumentInvalid', "The message has no device in its 'to'.");
    hub.messages.send(deviceId, readMessage(message));
    return undefined;
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    return amqpError(error);
  }
}

/** The id of the device to which a message is addressed; empty if it is addressed to none. */
const deviceIdIn = ({ to }: Message): string => decodePathSegment(TO.exec(to ?? '')?.[1] ?? '');

function readMessage(message: Message): CloudMessage {
  const properties = textProperties(message);
  const { absolute_expiry_time: expiry } = message as { absolute_expiry_time?: Date | number };
  return {
    body: bytesOf(message),
    messageId: idOf(message.message_id),
    correlationId: idOf(message.correlation_id),
    userId: textOf(message.user_id),
    contentType: textOf(message.content_type),
    contentEncoding: textOf(message.content_encoding),
    acknowledgement: readAcknowledgement(properties.find(([name]) => name === ACK)?.[1]),
    expiry: expiry === undefined ? undefined : Number(expiry) || undefined,
    properties: properties.filter(([name]) => name !== ACK),
  };
}

function readAcknowledgement(ack: string | undefined): Acknowledgement {
  if (ack === undefined) return 'none';
  const known = ACKNOWLEDGEMENTS.find((name) => name === ack);
  if (known === undefined)
    throw new IotHubError('ArgumentInvalid', 'iothub-ack must be none, positive, negative or full.');
  return known;
}
