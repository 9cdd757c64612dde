export { applyBulkItem, bulkUpdate, importItem } from './bulkUpdate';
export {
  assertDeviceId,
  assertKey,
  deviceInput,
  normalizeThumbprint,
  STATUS_REASON_MAX_CHARS,
  thumbprintInput,
  type ConnectionState,
  type DeviceIdentity,
  type DeviceInput,
} from './deviceIdentity';
export { createDeviceRegistry, LIST_MAX, type DeviceRegistry } from './deviceRegistry';
