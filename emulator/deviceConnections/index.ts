export {
  createDeviceConnections,
  type DeviceConnection,
  type DeviceConnections,
  type MethodRequest,
} from './deviceConnections';
