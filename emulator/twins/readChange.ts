import { IotHubError } from '../iotHubError';
import { isObject, objectOf, type Json, type JsonObject } from './json';
import type { TwinChange } from './twinStore';
import { assertTwinDocument } from './validate';

/** Read-only members, which the hub sets. Clients may send them back; they are ignored. */
const READ_ONLY = ['$metadata', '$version'];

/**
 * What a service asks to change: `{tags?, properties?: {desired?}}`. Everything else is read-only and ignored.
 *
 * @throws IotHubError ArgumentInvalid
 */
export function readTwinChange(body: unknown): TwinChange {
  const twin = body as Json;
  if (!isObject(twin)) throw new IotHubError('ArgumentInvalid', 'The twin must be a JSON object.');
  const { tags, properties } = twin;
  if (properties !== undefined && !isObject(properties)) {
    throw new IotHubError('ArgumentInvalid', 'properties must be a JSON object.');
  }
  const desired = properties?.desired;
  return {
    ...(tags === undefined ? {} : { tags: tags === null ? null : readDocument(tags, 'tags') }),
    ...(desired === undefined
      ? {}
      : { desired: desired === null ? null : readDocument(desired, 'properties.desired') }),
  };
}

/** A valid document without its read-only members. @throws IotHubError ArgumentInvalid */
export function readDocument(value: Json, name: string): JsonObject {
  const document = isObject(value)
    ? objectOf(Object.entries(value).filter(([key]) => !READ_ONLY.includes(key)))
    : value;
  assertTwinDocument(document, name);
  return document;
}
