export { createDeviceConnections, type DeviceConnection, type DeviceConnections } from './deviceConnections';
