import { IotHubError } from '../iotHubError';
import type { TelemetryMessage, TelemetrySystemProperties } from '../partitionLog';
import { assertMessageId } from './limits';

/** HTTPS header names of the system properties, as Microsoft's device SDKs spell them (Java: HttpsSingleMessage). */
const SYSTEM_PROPERTIES = new Map<string, keyof TelemetrySystemProperties>([
  ['iothub-messageid', 'messageId'],
  ['iothub-correlationid', 'correlationId'],
  ['iothub-userid', 'userId'],
  ['iothub-contenttype', 'contentType'],
  ['iothub-contentencoding', 'contentEncoding'],
]);

const APPLICATION_PREFIX = 'iothub-app-';

/**
 * iot-hub-devguide-messages-construct: in a single message, the creation time has this name. In a batch, the prefix
 * `iothub-app-` precedes it. Readers of the built-in endpoint always find it among the application properties.
 */
export const CREATION_TIME = 'iothub-creation-time-utc';
/**
 * IoT Central's documentation requires UTC without an offset (`2021-04-21T11:30:16Z`). A .NET DateTime begins in the
 * year 1 and has seven decimals of a second.
 */
const UTC_TIME = /^(?!0000)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,7})?Z$/;

/** iot-hub-devguide-messages-construct: property names over HTTPS, the same characters as in HTTP header names. */
const PROPERTY_NAME = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;

/**
 * Splits the headers of a message (or the properties of a batch item) into system and application properties. Names of
 * application properties keep their case. Other headers are ignored, as in the hub.
 *
 * @throws IotHubError ArgumentInvalid for a property name, message id or creation time that the hub rejects
 */
export function sortHeaders(
  headers: Iterable<readonly [name: string, value: string]>,
): Pick<TelemetryMessage, 'system' | 'properties'> {
  const system: { -readonly [Key in keyof TelemetrySystemProperties]: string } = {};
  const properties: [string, string][] = [];
  for (const [name, value] of headers) {
    const lowerCase = name.toLowerCase();
    const isCreationTime = lowerCase === CREATION_TIME;
    if (isCreationTime || lowerCase.startsWith(APPLICATION_PREFIX)) {
      const property = isCreationTime ? lowerCase : name.slice(APPLICATION_PREFIX.length);
      if (!PROPERTY_NAME.test(property)) {
        throw new IotHubError('ArgumentInvalid', 'A property name has characters that HTTPS does not allow.');
      }
      if (property.toLowerCase() === CREATION_TIME) assertCreationTime(value);
      properties.push([property, value]);
      continue;
    }
    const key = SYSTEM_PROPERTIES.get(lowerCase);
    if (key) system[key] = value;
  }
  assertMessageId(system.messageId);
  return { system, properties };
}

/** @throws IotHubError ArgumentInvalid */
export function assertCreationTime(value: string): void {
  if (UTC_TIME.test(value) && !Number.isNaN(Date.parse(value))) return;
  throw new IotHubError('ArgumentInvalid', `${CREATION_TIME} is not a time in UTC.`);
}

/** Node provides raw headers as one flat list of names and values. */
export function* headerPairs(rawHeaders: readonly string[]): Iterable<readonly [string, string]> {
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    yield [rawHeaders[index] ?? '', rawHeaders[index + 1] ?? ''];
  }
}
