export { createDeviceLinks, type DeviceLinks } from './deviceLinks';
export { deviceNodeOf, isDevicePath, type DeviceNode } from './deviceNode';
export { createDeviceTokens, type DeviceTokens } from './deviceTokens';
