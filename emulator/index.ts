export { AdminError } from './admin';
export type { AdminApi, FaultInput, FaultResult, HubState, PartitionState, StoredMessage } from './admin';
export type { ConnectionStrings } from './connectionStrings';
export { FAULT_KINDS, type ArmedFault } from './faults';
export type { Health } from './health';
export { MAX_PARTITIONS } from './hub';
export { LOG_LEVELS, type LogLevel } from './log';
export { SeedError, type SeedInput } from './seedFile';
export type { EmulatedHub, EmulatedProvisioning, Emulator, EmulatorOptions } from './emulatorOptions';
export type { HubSpec } from './hubIdentity';
export { startEmulator } from './startEmulator';
export { THROTTLE_TIERS, type ThrottleTier } from './throttle';
export {
  CONSUMER_GROUPS,
  EVENT_HUB_NAME,
  HUB_HOST_NAME,
  IDENTITY_HEADER,
  POLICIES,
  PROVISIONING,
  type Permission,
  type Policy,
  type PolicyName,
} from './wellKnown';
