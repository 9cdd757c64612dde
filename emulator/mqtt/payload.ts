import { IotHubError } from '../iotHubError';
import { MAX_METHOD_PAYLOAD_BYTES } from '../methods';
import { parseJson } from '../parseJson';

/** `mqtt-packet` declares payloads as text or Buffer. Received payloads are always Buffers. */
export const bytesOf = (payload: Buffer | string): Buffer =>
  typeof payload === 'string' ? Buffer.from(payload) : payload;

/** A JSON document; undefined for an empty payload. @throws IotHubError IotHubFormatError */
export const readJsonPayload = (payload: Buffer): unknown =>
  payload.length === 0 ? undefined : parseJson(payload, 'The payload');

/** The payload of a method response, "a valid JSON or empty body". @throws IotHubError */
export function readMethodPayload(payload: Buffer): unknown {
  if (payload.length > MAX_METHOD_PAYLOAD_BYTES) {
    throw new IotHubError('MessageTooLarge', `The payload exceeds ${MAX_METHOD_PAYLOAD_BYTES} bytes.`);
  }
  return readJsonPayload(payload) ?? null;
}
