import { IotHubError } from '../iotHubError';
import { isObject, type Json, type JsonObject } from './json';
import {
  BOOLEAN_BYTES,
  MAX_DEPTH,
  MAX_INTEGER,
  MAX_KEY_BYTES,
  MAX_STRING_BYTES,
  MIN_INTEGER,
  NUMBER_BYTES,
} from './limits';

// The rules below are from iot-hub-devguide-device-twins, "Tags and properties format" and "Device twin size".

/** Control characters of C0 and C1, and `.`, `$` and the space. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN_IN_KEYS = /[\u0000-\u001f\u007f-\u009f.$ ]/;
// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * Checks a document of tags or properties, or a patch of one.
 *
 * @param name what the document is called in an error: `properties.desired`
 * @throws IotHubError ArgumentInvalid
 */
export function assertTwinDocument(value: Json | undefined, name: string): asserts value is JsonObject {
  if (!isObject(value)) throw invalid(name, 'must be a JSON object');
  assertMembers(value, name, 0);
}

function assertMembers(members: JsonObject, path: string, depth: number): void {
  if (depth > MAX_DEPTH) throw invalid(path, `is deeper than ${MAX_DEPTH} levels`);
  for (const [key, value] of Object.entries(members)) {
    if (key === '' || Buffer.byteLength(key) > MAX_KEY_BYTES) {
      throw invalid(path, `has a key that is empty or longer than ${MAX_KEY_BYTES} bytes`);
    }
    if (FORBIDDEN_IN_KEYS.test(key)) {
      throw invalid(path, "has a key with '.', '$', a space or a control character");
    }
    assertValue(value, `${path}.${key}`, depth);
  }
}

function assertValue(value: Json, path: string, depth: number): void {
  if (typeof value === 'string' && Buffer.byteLength(value) > MAX_STRING_BYTES) {
    throw invalid(path, `is longer than ${MAX_STRING_BYTES} bytes`);
  }
  if (typeof value === 'number' && Number.isInteger(value) && (value < MIN_INTEGER || value > MAX_INTEGER)) {
    throw invalid(path, `is not between ${MIN_INTEGER} and ${MAX_INTEGER}`);
  }
  if (isObject(value)) assertMembers(value, path, depth + 1);
  if (Array.isArray(value)) {
    if (depth >= MAX_DEPTH) throw invalid(path, `is deeper than ${MAX_DEPTH} levels`);
    for (const item of value as readonly Json[]) assertValue(item, path, depth + 1);
  }
}

/** The size that the hub counts, in bytes: of keys and values, without control characters. */
export function twinSize(value: Json): number {
  switch (typeof value) {
    case 'string':
      return Buffer.byteLength(value.replace(CONTROL_CHARACTERS, ''));
    case 'number':
      return NUMBER_BYTES;
    case 'boolean':
      return BOOLEAN_BYTES;
    default:
      if (value === null) return 0;
      if (!isObject(value)) return value.reduce<number>((sum, item) => sum + twinSize(item), 0);
      return Object.entries(value).reduce((sum, [key, member]) => sum + twinSize(key) + twinSize(member), 0);
  }
}

const invalid = (path: string, what: string) =>
  new IotHubError('ArgumentInvalid', `${path.slice(0, 200)} ${what}.`);
