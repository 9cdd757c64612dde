/** Sends cloud-to-device messages to a device, which settles them (iot-hub-devguide-messages-c2d). */

import { types, type Delivery, type Message, type Sender } from 'rhea';
import { dataSection, OutgoingLink, type DeliveryOutcome, type LinkSource } from '../amqp';
import type { QueuedMessage } from '../cloudToDevice';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';

export function messageSource(hub: Hub, link: Sender, deviceId: string, onClose: () => void): LinkSource {
  const outgoing = new OutgoingLink(link);
  /** The lock tokens of the messages that the device has not settled. */
  const unsettled = new Map<Delivery, string>();
  let isScheduled = false;

  const settle = (lockToken: string, outcome: DeliveryOutcome): void => {
    const { messages } = hub;
    try {
      if (outcome === 'accepted') messages.complete(deviceId, lockToken);
      else if (outcome === 'rejected') messages.reject(deviceId, lockToken);
      else messages.abandon(deviceId, lockToken);
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error; // the lock has expired, or the queue was purged
    }
  };

  const pump = (): void => {
    isScheduled = false;
    while (outgoing.credit() > 0) {
      const queued = hub.messages.receive(deviceId);
      if (!queued) {
        outgoing.returnUnusedCredit();
        return;
      }
      const tag = Buffer.from(queued.lockToken.replaceAll('-', ''), 'hex');
      unsettled.set(outgoing.deliver(amqpMessage(queued, deviceId), tag), queued.lockToken);
    }
  };

  return {
    /** In a later turn of the event loop, because rhea would write a transfer before its response to the attach. */
    wake() {
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(pump);
    },
    settled(delivery, outcome) {
      const lockToken = unsettled.get(delivery);
      if (lockToken === undefined) return;
      unsettled.delete(delivery);
      settle(lockToken, outcome);
    },
    close(error) {
      for (const lockToken of unsettled.values()) hub.messages.release(deviceId, lockToken);
      unsettled.clear();
      if (error) link.close({ ...error });
      onClose();
    },
  };
}

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
