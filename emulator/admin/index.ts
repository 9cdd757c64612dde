export {
  createAdminApi,
  type AdminApi,
  type FaultInput,
  type FaultResult,
  type HubState,
  type PartitionState,
} from './adminApi';
export { AdminError } from './adminError';
export { createAdminHandler } from './adminHandler';
export type { StoredMessage } from './storedMessage';
