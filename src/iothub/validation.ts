import { Problem } from '../errorCodes';

/** IoT Hub: 1 to 128 of these, case-sensitive (iot-hub-devguide-identity-registry). */
const DEVICE_ID = /^[A-Za-z0-9\-.%_*?!(),:=@$']{1,128}$/;
/** IoT Hub: up to 128 of these (iot-hub-devguide-messages-construct, `message-id`). */
const MESSAGE_ID = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;
/** IoT Hub over HTTPS: names and values of application properties (iot-hub-devguide-messages-construct). */
const PROPERTY_NAME = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,128}$/;
const PROPERTY_VALUE = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]*$/;
/** System properties of IoT Hub, and those that this app sets itself. `createdAt` is the creation time. */
const RESERVED_PROPERTY = /^(?:iothub-|hubfront-|dt-subject$)/;
/** IoT Hub: a symmetric key has 16 to 64 bytes (rest/api/iothub/service/devices, SymmetricKey). */
const MIN_KEY_BYTES = 16;
const MAX_KEY_BYTES = 64;

/** @throws {Problem} `invalid_device_id` */
export function requireDeviceId(deviceId: string): void {
  if (!DEVICE_ID.test(deviceId)) {
    throw new Problem(
      'invalid_device_id',
      "A device id has 1 to 128 of the characters A-Z a-z 0-9 - . % _ * ? ! ( ) , : = @ $ '.",
    );
  }
}

/** @throws {Problem} `invalid_device_key` */
export function requireDeviceKey(deviceKey: string): void {
  const bytes = Buffer.from(deviceKey, 'base64');
  if (
    bytes.toString('base64') !== deviceKey ||
    bytes.length < MIN_KEY_BYTES ||
    bytes.length > MAX_KEY_BYTES
  ) {
    throw new Problem('invalid_device_key', 'A device key is base64 of 16 to 64 bytes, with padding.');
  }
}

export const isMessageId = (messageId: unknown): messageId is string =>
  typeof messageId === 'string' && MESSAGE_ID.test(messageId);

/** @throws {Problem} `invalid_message_id` */
export function requireMessageId(messageId: string): void {
  if (!isMessageId(messageId)) {
    throw new Problem(
      'invalid_message_id',
      "A message id has 1 to 128 of the characters A-Z a-z 0-9 - : . + % _ # * ? ! ( ) , = @ ; $ '.",
    );
  }
}

/**
 * Validates application properties before the device SDK uses them. A property that is invalid as an HTTP header in
 * the first message would end the process, and two names that differ only in case would overwrite each other.
 *
 * @throws {Problem} `invalid_property`, naming the property if its name can be printed
 */
export function requireProperties(properties: Readonly<Record<string, string>>): void {
  const seen = new Set<string>();
  for (const name of Object.keys(properties)) {
    const lowerCase = name.toLowerCase();
    if (!PROPERTY_NAME.test(name)) {
      throw new Problem(
        'invalid_property',
        "A property name has 1 to 128 of the characters A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~.",
      );
    }
    if (RESERVED_PROPERTY.test(lowerCase)) {
      throw new Problem('invalid_property', `The property '${name}' is reserved.`);
    }
    if (seen.has(lowerCase)) {
      throw new Problem(
        'invalid_property',
        `The property '${name}' occurs twice, with different upper and lower case.`,
      );
    }
    if (!PROPERTY_VALUE.test(properties[name] ?? '')) {
      throw new Problem(
        'invalid_property',
        `The value of the property '${name}' has characters other than A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ \` | ~.`,
      );
    }
    seen.add(lowerCase);
  }
}
