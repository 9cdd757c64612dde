export { createDeviceLinks, type DeviceLinks } from './deviceLinks';
export { clientIdAt, deviceNodeOf, isDevicePath, type DeviceNode } from './deviceNode';
export { createDeviceTokens, type DeviceTokens } from './deviceTokens';
