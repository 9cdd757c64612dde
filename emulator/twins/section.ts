import { IotHubError } from '../iotHubError';
import { isObject, objectOf, type Json, type JsonObject } from './json';
import { twinSize } from './validate';

/** When a property and each of its members was last updated (iot-hub-devguide-device-twins, "Device twin metadata"). */
export interface Metadata {
  readonly $lastUpdated: string;
  readonly [key: string]: Metadata | string | undefined;
}

/** Desired or reported properties. */
export interface Section {
  readonly values: JsonObject;
  readonly metadata: Metadata;
  readonly version: number;
}

export const emptySection = (now: string): Section => ({
  values: {},
  metadata: { $lastUpdated: now },
  version: 1,
});

/**
 * A document with a patch applied: members of objects are merged, `null` removes a member.
 *
 * @throws IotHubError ArgumentInvalid when the document grows above `maxBytes`
 */
export function patchDocument(values: JsonObject, patch: JsonObject, maxBytes: number): JsonObject {
  return withinLimit(values, merge(values, patch), maxBytes);
}

/** @throws as patchDocument() */
export function patchSection(section: Section, patch: JsonObject, now: string, maxBytes: number): Section {
  return {
    values: patchDocument(section.values, patch, maxBytes),
    metadata: mergeMetadata(section.metadata, patch, now),
    version: section.version + 1,
  };
}

/** @throws as patchDocument() */
export function replaceSection(section: Section, values: JsonObject, now: string, maxBytes: number): Section {
  const replaced = replaceDocument(section.values, values, maxBytes);
  return {
    values: replaced,
    metadata: mergeMetadata({ $lastUpdated: now }, replaced, now),
    version: section.version + 1,
  };
}

/** @throws as patchDocument() */
export function replaceDocument(values: JsonObject, replacement: JsonObject, maxBytes: number): JsonObject {
  return withinLimit(values, merge({}, replacement), maxBytes);
}

/** A section as JSON, with its version and, for services, its metadata. */
export function sectionJson({ values, metadata, version }: Section, withMetadata: boolean): JsonObject {
  return { ...values, ...(withMetadata ? { $metadata: metadata as JsonObject } : {}), $version: version };
}

function merge(values: JsonObject, patch: JsonObject): JsonObject {
  const members = new Map<string, Json>(Object.entries(values));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key);
    else if (isObject(value)) {
      const previous = members.get(key);
      members.set(key, merge(isObject(previous) ? previous : {}, value));
    } else members.set(key, value);
  }
  return objectOf(members);
}

/** Updates the times of the members in the patch and of their parents. The metadata of a removed member is deleted. */
function mergeMetadata(metadata: Metadata, patch: JsonObject, now: string): Metadata {
  const members = new Map<string, Metadata | string | undefined>(Object.entries(metadata));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      members.delete(key);
      continue;
    }
    const previous = members.get(key);
    const own = typeof previous === 'object' ? previous : { $lastUpdated: now };
    members.set(key, isObject(value) ? mergeMetadata(own, value, now) : { $lastUpdated: now });
  }
  members.set('$lastUpdated', now);
  return objectOf(members) as Metadata;
}

/** "IoT Hub rejects with an error all operations that would increase the size … above the limit." */
function withinLimit(before: JsonObject, after: JsonObject, maxBytes: number): JsonObject {
  const bytes = twinSize(after);
  if (bytes > maxBytes && bytes > twinSize(before)) {
    throw new IotHubError('ArgumentInvalid', `The document exceeds ${maxBytes} bytes.`);
  }
  return after;
}
