export { applyBulkItem, bulkUpdate, importItem, type Identities } from './bulkUpdate';
export { clientIdOf, clientPath, deviceIdOf, moduleIdOf } from './clientId';
export { createClientRegistry, type Client, type ClientRegistry } from './clientRegistry';
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
export { isMatch } from './etag';
export { createIdentityStore } from './identityStore';
export { assertModuleId, moduleInput, type ModuleIdentity, type ModuleInput } from './moduleIdentity';
export { createModuleRegistry, MAX_MODULES_PER_DEVICE, type ModuleRegistry } from './moduleRegistry';
