export { applyBulkItem, bulkUpdate, importItem } from './bulkUpdate';
export {
  deviceInput,
  normalizeThumbprint,
  type ConnectionState,
  type DeviceIdentity,
  type DeviceInput,
} from './deviceIdentity';
export { createDeviceRegistry, LIST_MAX, type DeviceRegistry } from './deviceRegistry';
