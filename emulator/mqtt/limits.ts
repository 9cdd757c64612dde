/** iot-mqtt-connect-to-iot-hub, "Default keep-alive timeout": 1.5 times the client's value. */
export const KEEP_ALIVE_FACTOR = 1.5;
/** Maximum keep-alive: 29.45 minutes (same section). It also applies to clients without a keep-alive. */
export const MAX_KEEP_ALIVE_MS = 1_767_000;

/** iot-mqtt-connect-to-iot-hub: "A device can only subscribe to five topics at a time." */
export const MAX_SUBSCRIPTIONS = 5;

/** A message of 256 KB (iot-hub-devguide-messages-construct), and the longest topic and header of MQTT 3.1.1. */
export const MAX_PACKET_BYTES = 256 * 1024 + 64 * 1024 + 16;

/** Texts of MQTT have a length of two bytes (MQTT 3.1.1, 1.5.3). */
export const MAX_TOPIC_BYTES = 65_535;

/** How long a client may take to send its CONNECT. The hub's own limit is not published. */
export const CONNECT_TIMEOUT_MS = 30_000;

/** How long a closed connection may take to deliver what was written to it. */
export const CLOSE_TIMEOUT_MS = 5_000;

/**
 * A client is disconnected when more unsent bytes than this are buffered for it. The hub's own limit is not published.
 */
export const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

/**
 * Maximum number of packets that a fault delays per connection. At this number of messages, reading pauses. More packets
 * in one chunk with a delayed CONNECT close the connection.
 */
export const MAX_DELAYED_MESSAGES = 100;
