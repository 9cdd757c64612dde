export {
  createMethodCalls,
  MAX_METHOD_PAYLOAD_BYTES,
  type MethodCall,
  type MethodCalls,
  type MethodResponse,
} from './methodCalls';
