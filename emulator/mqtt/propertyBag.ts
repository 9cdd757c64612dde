import { IotHubError } from '../iotHubError';
import { assertCreationTime, assertMessageId, CREATION_TIME, type NewMessage } from '../telemetry';

/** The names of system properties over MQTT, as Microsoft's device SDKs write them. */
const SYSTEM_PROPERTIES = new Map<string, keyof NewMessage['system']>([
  ['$.mid', 'messageId'],
  ['$.cid', 'correlationId'],
  ['$.uid', 'userId'],
  ['$.ct', 'contentType'],
  ['$.ce', 'contentEncoding'],
]);

/** The name of the creation time, as Microsoft's device SDKs for C and .NET write it. */
const CREATION_TIME_KEY = '$.ctime';
/**
 * Prefix of system properties. Those that are not listed above are ignored, because the hub sets them itself (`$.to`,
 * `$.exp`) or does not use them.
 */
const SYSTEM_PREFIX = '$.';

/**
 * The names and values of a property bag: encoded as the query of a URL. A name without `=` has no value.
 *
 * @throws IotHubError ArgumentInvalid when it is not valid percent-encoding
 */
export function decodePropertyBag(bag: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const pair of bag.replace(/^\?/, '').split('&')) {
    if (pair === '') continue;
    const [name = '', ...value] = pair.split('=');
    try {
      properties.set(decodeURIComponent(name), decodeURIComponent(value.join('=')));
    } catch {
      throw new IotHubError('ArgumentInvalid', 'The property bag is not valid percent-encoding.');
    }
  }
  return properties;
}

/**
 * Sorts a telemetry message's property bag into system and application properties.
 *
 * @throws IotHubError ArgumentInvalid for a property that the hub rejects
 */
export function readTelemetryProperties(bag: string): Pick<NewMessage, 'system' | 'properties'> {
  const system: { -readonly [Key in keyof NewMessage['system']]: string } = {};
  const properties: [string, string][] = [];
  for (const [key, value] of decodePropertyBag(bag)) {
    const name = SYSTEM_PROPERTIES.get(key);
    if (name) {
      system[name] = value;
    } else if (key === CREATION_TIME_KEY || key.toLowerCase() === CREATION_TIME) {
      assertCreationTime(value);
      properties.push([CREATION_TIME, value]);
    } else if (!key.startsWith(SYSTEM_PREFIX)) {
      properties.push([key, value]);
    }
  }
  assertMessageId(system.messageId);
  return { system, properties };
}

/** Encodes a property bag. Properties without a value are omitted. */
export const encodePropertyBag = (properties: readonly (readonly [string, string | undefined])[]): string =>
  properties
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
    )
    .join('&');
