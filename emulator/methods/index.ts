export { createMethodCalls, type MethodCall, type MethodCalls, type MethodResponse } from './methodCalls';
export {
  DEFAULT_RESPONSE_TIMEOUT_S,
  MAX_METHOD_PAYLOAD_BYTES,
  MAX_TIMEOUT_S,
  METHOD_NAME,
  MIN_RESPONSE_TIMEOUT_S,
} from './limits';
export { readMethodPayload } from './methodPayload';
