/** Sends cloud-to-device messages to a device over MQTT. */

import type { QueuedMessage } from '../cloudToDevice';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { MqttConnection } from './connection';
import { MAX_TOPIC_BYTES } from './limits';
import { encodePropertyBag } from './propertyBag';
import type { Subscriptions } from './sessions';

/** Packet ids of MQTT are 1 to 65,535. */
const MAX_PACKET_ID = 65_535;

/** A device's messages on one connection. */
export interface MessageDelivery {
  /** Sends the queued messages if the device has subscribed to them. */
  deliver(): void;
  /** The device has received the message at QoS 1. */
  acknowledged(packetId: number): void;
  /** Call this at the end of the connection. Returns messages that could not be completed to the queue. */
  end(): void;
}

export function createMessageDelivery(
  hub: Hub,
  mqtt: MqttConnection,
  deviceId: string,
  subscriptions: Subscriptions,
): MessageDelivery {
  const unacknowledged = new Map<number, string>();
  let lastPacketId = 0;
  let hasEnded = false;

  /** Messages that have been settled, but are still in the queue, because a write failed. */
  const received: string[] = [];

  const settle = (outcome: 'complete' | 'reject', lockToken: string): void => {
    try {
      hub.messages[outcome](deviceId, lockToken);
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error;
      if (error.code === 'DeviceMessageLockLost') return; // the queue was purged in the meantime
      received.push(lockToken);
      mqtt.close(); // the next connection gets the message again
    }
  };
  const send = (queued: QueuedMessage, qos: 0 | 1): void => {
    const topic = `devices/${deviceId}/messages/devicebound/${propertyBag(queued, deviceId)}`;
    // The hub's own behavior is not published. The service learns of it by negative feedback.
    if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) {
      settle('reject', queued.lockToken);
      return;
    }
    const packet = {
      cmd: 'publish',
      topic,
      payload: queued.message.body,
      dup: false,
      retain: false,
    } as const;
    if (qos === 0) {
      mqtt.send({ ...packet, qos });
      settle('complete', queued.lockToken);
      return;
    }
    lastPacketId = (lastPacketId % MAX_PACKET_ID) + 1;
    unacknowledged.set(lastPacketId, queued.lockToken);
    mqtt.send({ ...packet, qos, messageId: lastPacketId });
  };

  return {
    deliver() {
      const qos = [...subscriptions].find(([filter]) => filter.endsWith('/messages/devicebound/#'))?.[1];
      if (qos === undefined || hasEnded) return;
      while (mqtt.isOpen()) {
        const queued = hub.messages.receive(deviceId, true);
        if (!queued) return;
        send(queued, qos);
      }
    },
    acknowledged(packetId) {
      const lockToken = unacknowledged.get(packetId);
      unacknowledged.delete(packetId);
      if (lockToken !== undefined) settle('complete', lockToken);
    },
    end() {
      hasEnded = true;
      for (const lockToken of [...unacknowledged.values(), ...received])
        hub.messages.release(deviceId, lockToken);
      unacknowledged.clear();
      received.length = 0;
    },
  };
}

/** "Only application properties and user-settable system properties … are included in the property bag." */
function propertyBag({ message, expiry }: QueuedMessage, deviceId: string): string {
  const system: readonly (readonly [string, string | undefined])[] = [
    ['$.mid', message.messageId],
    ['$.cid', message.correlationId],
    ['$.uid', message.userId],
    ['$.to', `/devices/${deviceId}/messages/devicebound`],
    ['$.ct', message.contentType],
    ['$.ce', message.contentEncoding],
    ['$.exp', message.expiry === undefined ? undefined : new Date(expiry).toISOString()],
    // Microsoft's own test for Node expects that the hub leaves out the default.
    ['iothub-ack', message.acknowledgement === 'none' ? undefined : message.acknowledgement],
  ];
  return encodePropertyBag([...system, ...message.properties]);
}
