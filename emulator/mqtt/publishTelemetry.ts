import type { IConnectPacket, IPublishPacket } from 'mqtt-packet';
import { applyDeviceFault } from '../deviceFaults';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { TelemetryOrigin } from '../partitionLog';
import { clientIdOf } from '../registry';
import { storeTelemetry, type NewMessage } from '../telemetry';
import type { MqttConnection } from './connection';
import { delayMessages } from './delayMessages';
import { bytesOf } from './payload';
import { readTelemetryProperties } from './propertyBag';
import { readTopic } from './topics';

/** iot-mqtt-connect-to-iot-hub: the application properties of messages with RETAIN, and of will messages. */
const RETAIN_PROPERTY = 'mqtt-retain';
const MESSAGE_TYPE_PROPERTY = 'iothub-MessageType';
const WILL_TYPE = 'Will';

/** Stores a device's telemetry messages. */
export interface TelemetrySender {
  /** Stores a message and acknowledges it. @throws IotHubError when the hub rejects it */
  publish(packet: IPublishPacket, propertyBag: string): void;
  sendWill(will: NewMessage): void;
}

export function createTelemetrySender(
  hub: Hub,
  origin: TelemetryOrigin,
  mqtt: MqttConnection,
): TelemetrySender {
  const later = delayMessages(mqtt);
  return {
    publish(packet, propertyBag) {
      const message = readMessage(packet, propertyBag);
      hub.requests.telemetry++;
      applyDeviceFault(hub, 'telemetry', origin.deviceId, {
        carryOut(rejection) {
          if (rejection) return mqtt.close; // MQTT 3.1.1 has no error responses, so the hub closes the connection
          storeTelemetry(hub, origin, [message]);
          return () => acknowledge(mqtt, packet);
        },
        reset: mqtt.reset,
        later,
      });
    },
    sendWill(will) {
      if (hub.clients.find(clientIdOf(origin))?.identity.generationId !== origin.generationId) return;
      try {
        storeTelemetry(hub, origin, [will]);
      } catch (error) {
        if (!(error instanceof IotHubError)) throw error;
      }
    },
  };
}

/** Acknowledges a QoS 1 message. Call this after the hub has processed it. */
export function acknowledge(mqtt: MqttConnection, { qos, messageId }: IPublishPacket): void {
  if (qos === 1 && messageId !== undefined) mqtt.send({ cmd: 'puback', messageId });
}

/** A will as a telemetry message, or undefined when the hub rejects it. */
export function readWill(
  will: NonNullable<IConnectPacket['will']>,
  clientId: string,
): NewMessage | undefined {
  try {
    const publication = will.qos === 2 ? undefined : readTopic(will.topic, clientId);
    if (publication?.kind !== 'telemetry') return undefined;
    const message = readMessage(will, publication.propertyBag);
    return {
      ...message,
      // Copied, because a view would keep the whole received buffer in memory.
      body: Buffer.from(message.body),
      properties: [...message.properties, [MESSAGE_TYPE_PROPERTY, WILL_TYPE]],
    };
  } catch (error) {
    if (error instanceof IotHubError) return undefined;
    throw error;
  }
}

function readMessage(
  { payload, retain }: { readonly payload: Buffer | string; readonly retain?: boolean | undefined },
  propertyBag: string,
): NewMessage {
  const { system, properties } = readTelemetryProperties(propertyBag);
  return {
    body: bytesOf(payload),
    system,
    properties: retain ? [...properties, [RETAIN_PROPERTY, 'true']] : properties,
  };
}
