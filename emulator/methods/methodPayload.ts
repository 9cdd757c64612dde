import { IotHubError } from '../iotHubError';
import { readJsonPayload } from '../parseJson';
import { MAX_METHOD_PAYLOAD_BYTES } from './limits';

/** The payload of a method response, "a valid JSON or empty body". @throws IotHubError */
export function readMethodPayload(payload: Buffer): unknown {
  if (payload.length > MAX_METHOD_PAYLOAD_BYTES) {
    throw new IotHubError('MessageTooLarge', `The payload exceeds ${MAX_METHOD_PAYLOAD_BYTES} bytes.`);
  }
  return readJsonPayload(payload) ?? null;
}
