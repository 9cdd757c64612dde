// iot-hub-devguide-device-twins, "Tags and properties format" and "Device twin size".

export const MAX_TAGS_BYTES = 8 * 1024;
/** Limit for the desired properties, and separately for the reported properties. */
export const MAX_PROPERTIES_BYTES = 32 * 1024;
export const MAX_KEY_BYTES = 1_024;
export const MAX_STRING_BYTES = 4 * 1_024;
export const MAX_DEPTH = 10;
export const MIN_INTEGER = -4_503_599_627_370_496;
export const MAX_INTEGER = 4_503_599_627_370_495;
/** Sizes in bytes that the hub counts for a number and for a Boolean. */
export const NUMBER_BYTES = 8;
export const BOOLEAN_BYTES = 4;
