export { type DeviceIdentity } from './deviceIdentity';
export { createDeviceRegistry, type DeviceRegistry } from './deviceRegistry';
export { registryRoutes } from './registryRoutes';
