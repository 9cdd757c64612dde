export type { MqttConnection } from './connection';
export { createMqttEndpoint, type MqttEndpoint } from './mqttEndpoint';

/** The subprotocol of MQTT over WebSockets (MQTT 3.1.1, 6), and the name that Microsoft's device SDK for Java sends. */
export const MQTT_SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];
