import { IotHubError } from '../iotHubError';
import { readJsonPayload } from '../parseJson';

/** iot-hub-devguide-direct-methods: "The payload for method requests and responses is a JSON document up to 128 KB." */
export const MAX_METHOD_PAYLOAD_BYTES = 128 * 1024;

/** The payload of a method response, "a valid JSON or empty body". @throws IotHubError */
export function readMethodPayload(payload: Buffer): unknown {
  if (payload.length > MAX_METHOD_PAYLOAD_BYTES) {
    throw new IotHubError('MessageTooLarge', `The payload exceeds ${MAX_METHOD_PAYLOAD_BYTES} bytes.`);
  }
  return readJsonPayload(payload) ?? null;
}
