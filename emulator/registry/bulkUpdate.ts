import { z } from 'zod';
import { IotHubError } from '../iotHubError';
import { deviceInput } from './deviceIdentity';
import type { DeviceRegistry } from './deviceRegistry';
import type { ModuleRegistry } from './moduleRegistry';

/** iot-hub-devguide-identity-registry: at most 100 identities a bulk request. */
const BULK_MAX = 100;

const IMPORT_MODES = [
  'create',
  'createorupdate',
  'update',
  'updateifmatchetag',
  'delete',
  'deleteifmatchetag',
] as const;

// The SDKs use both spellings of the modes: `create`, `UpdateIfMatchETag`.
const importMode = z
  .string()
  .transform((mode) => mode.toLowerCase())
  .pipe(z.enum(IMPORT_MODES));

const bulkItem = deviceInput.extend({
  id: z.string(),
  /** Of a module. `id` is then that of its device. */
  moduleId: z.string().nullish(),
  managedBy: z.string().nullish(),
  eTag: z.string().nullish(),
  etag: z.string().nullish(),
  importMode,
});

/** A device or a module of an import job; without a mode, it is created or updated (iot-hub-bulk-identity-mgmt). */
export const importItem = bulkItem.extend({ importMode: importMode.default('createorupdate') });

type BulkItem = z.infer<typeof bulkItem>;

/** The registries that bulk operations change. */
export interface Identities {
  readonly devices: DeviceRegistry;
  readonly modules: ModuleRegistry;
}

export interface BulkResult {
  readonly isSuccessful: boolean;
  readonly errors: readonly { deviceId: string; moduleId?: string; errorCode: number; errorStatus: string }[];
  readonly warnings: readonly never[];
}

/**
 * `POST /devices`: each item succeeds or fails separately. The response is 200 and lists the failures.
 *
 * @throws IotHubError if the request as a whole is malformed
 */
export function bulkUpdate(identities: Identities, body: unknown): BulkResult {
  if (Array.isArray(body) && body.length > BULK_MAX) {
    throw new IotHubError('TooManyDevices', `A bulk request holds at most ${BULK_MAX} devices.`);
  }
  const parsed = z.array(bulkItem).min(1).safeParse(body);
  if (!parsed.success) throw new IotHubError('ArgumentInvalid', 'BadRequest');
  const errors = [];
  for (const item of parsed.data) {
    try {
      applyBulkItem(identities, item);
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error;
      errors.push({
        deviceId: item.id,
        ...(item.moduleId == null ? {} : { moduleId: item.moduleId }),
        ...{ errorCode: error.number, errorStatus: error.text },
      });
    }
  }
  return { isSuccessful: errors.length === 0, errors, warnings: [] };
}

/** @throws IotHubError if the registry rejects the change */
export function applyBulkItem({ devices, modules }: Identities, item: BulkItem): void {
  const { id, moduleId } = item;
  if (moduleId == null) {
    change(item, {
      exists: () => devices.find(id) !== undefined,
      create: () => devices.create(id, item),
      update: (ifMatch) => devices.update(id, item, ifMatch),
      remove: (ifMatch) => devices.remove(id, ifMatch),
    });
    return;
  }
  const input = { ...item, moduleId };
  change(item, {
    exists: () => modules.find(id, moduleId) !== undefined,
    create: () => modules.create(id, moduleId, input),
    update: (ifMatch) => modules.update(id, moduleId, input, ifMatch),
    remove: (ifMatch) => modules.remove(id, moduleId, ifMatch),
  });
}

/** The operations of an import mode on one identity. */
interface Changes {
  exists(): boolean;
  create(): unknown;
  update(ifMatch: string): unknown;
  remove(ifMatch: string): void;
}

function change(item: BulkItem, { exists, create, update, remove }: Changes): void {
  const etag = item.eTag ?? item.etag ?? '';
  switch (item.importMode) {
    case 'create':
      create();
      break;
    case 'createorupdate':
      if (exists()) update('*');
      else create();
      break;
    case 'update':
      update('*');
      break;
    case 'updateifmatchetag':
      update(etag);
      break;
    case 'delete':
      remove('*');
      break;
    case 'deleteifmatchetag':
      remove(etag);
      break;
  }
}
