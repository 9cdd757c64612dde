/** IoT Hub's limits of direct methods: iot-hub-devguide-direct-methods and rest/api/iothub/service/devices/invoke-method. */

/** "The payload for method requests and responses is a JSON document up to 128 KB." */
export const MAX_METHOD_PAYLOAD_BYTES = 128 * 1024;

/** "US-ASCII printable alphanumeric, except any in the following set". */
export const METHOD_NAME = /^[!#%&'*+\-.0-9A-Z^_`a-z|~]{1,100}$/;

export const MIN_RESPONSE_TIMEOUT_S = 5;
export const MAX_TIMEOUT_S = 300;
export const DEFAULT_RESPONSE_TIMEOUT_S = 30;

/**
 * Maximum number of calls of a hub that wait at the same time, which limits memory. The hub's own limit is not
 * published.
 */
export const MAX_WAITING_CALLS = 10_000;
