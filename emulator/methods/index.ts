export { createMethodCalls, type MethodCall, type MethodCalls, type MethodResponse } from './methodCalls';
export { MAX_METHOD_PAYLOAD_BYTES, readMethodPayload } from './methodPayload';
