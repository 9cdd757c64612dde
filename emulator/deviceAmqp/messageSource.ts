/** Sends cloud-to-device messages to a device, which settles them (iot-hub-devguide-messages-c2d). */

import { types, type Message, type Sender } from 'rhea';
import { dataSection, lockedSource, type LinkSource } from '../amqp';
import type { QueuedMessage } from '../cloudToDevice';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';

export const messageSource = (hub: Hub, link: Sender, deviceId: string, onClose: () => void): LinkSource =>
  lockedSource(
    link,
    {
      receive() {
        const queued = hub.messages.receive(deviceId);
        return queued && { lockToken: queued.lockToken, message: amqpMessage(queued, deviceId) };
      },
      settle(lockToken, outcome) {
        const { messages } = hub;
        try {
          if (outcome === 'accepted') messages.complete(deviceId, lockToken);
          else if (outcome === 'rejected') messages.reject(deviceId, lockToken);
          else messages.abandon(deviceId, lockToken);
        } catch (error) {
          if (!(error instanceof IotHubError)) throw error; // the lock has expired, or the queue was purged
        }
      },
      release: (lockToken) => hub.messages.release(deviceId, lockToken),
    },
    onClose,
  );

function amqpMessage({ message, ...queued }: QueuedMessage, deviceId: string): Message {
  return {
    delivery_count: queued.deliveryCount,
    message_id: message.messageId,
    correlation_id: message.correlationId,
    user_id: message.userId === undefined ? undefined : Buffer.from(message.userId, 'utf8'),
    to: `/devices/${deviceId}/messages/devicebound`,
    content_type: message.contentType,
    content_encoding: message.contentEncoding,
    absolute_expiry_time: message.expiry === undefined ? undefined : new Date(message.expiry),
    message_annotations: {
      'x-opt-sequence-number': types.wrap_ulong(queued.sequenceNumber) as unknown,
      'x-opt-enqueued-time': types.wrap_timestamp(queued.enqueuedTime),
      'x-opt-lock-token': queued.lockToken,
    },
    application_properties: {
      'iothub-ack': message.acknowledgement,
      ...Object.fromEntries(message.properties),
    },
    body: dataSection(message.body),
  } as unknown as Message;
}
