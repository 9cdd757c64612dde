/** What the hub sends to a device on its own initiative, over MQTT. */

import type { DeviceConnection } from '../deviceConnections';
import type { MqttConnection } from './connection';
import type { Subscriptions } from './sessions';

const DESIRED_FILTER = '$iothub/twin/PATCH/properties/desired/#';
const METHOD_FILTER = '$iothub/methods/POST/#';

/** Changes of desired properties and direct methods, at QoS 0. */
export function deviceConnection(
  mqtt: MqttConnection,
  clientId: string,
  subscriptions: Subscriptions,
  deliverMessages: () => void,
): DeviceConnection {
  return {
    clientId,
    deliverMessages,
    close: mqtt.close,
    reset: mqtt.reset,
    notifyDesired(change) {
      if (!subscriptions.has(DESIRED_FILTER)) return;
      const topic = `$iothub/twin/PATCH/properties/desired/?$version=${change.$version as number}`;
      publish(mqtt, topic, JSON.stringify(change));
    },
    acceptsMethod: (name) =>
      subscriptions.has(METHOD_FILTER) || subscriptions.has(`$iothub/methods/POST/${name}/#`),
    invokeMethod({ requestId, name, payload }) {
      publish(mqtt, `$iothub/methods/POST/${name}/?$rid=${requestId}`, payload);
    },
  };
}

/** Sends a message at QoS 0. */
export function publish(mqtt: MqttConnection, topic: string, payload: string): void {
  mqtt.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
}
