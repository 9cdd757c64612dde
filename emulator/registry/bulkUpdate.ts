import { z } from 'zod';
import { IotHubError, notImplemented } from '../iotHubError';
import { deviceInput } from './deviceIdentity';
import type { DeviceRegistry } from './deviceRegistry';

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
  moduleId: z.string().nullish(),
  eTag: z.string().nullish(),
  etag: z.string().nullish(),
  importMode,
});

/** A device of an import job; without a mode, it is created or updated (iot-hub-bulk-identity-mgmt). */
export const importItem = bulkItem.extend({ importMode: importMode.default('createorupdate') });

type BulkItem = z.infer<typeof bulkItem>;

export interface BulkResult {
  readonly isSuccessful: boolean;
  readonly errors: readonly { deviceId: string; errorCode: number; errorStatus: string }[];
  readonly warnings: readonly never[];
}

/**
 * `POST /devices`: each item succeeds or fails separately. The response is 200 and lists the failures.
 *
 * @throws IotHubError if the request as a whole is malformed
 */
export function bulkUpdate(registry: DeviceRegistry, body: unknown): BulkResult {
  if (Array.isArray(body) && body.length > BULK_MAX) {
    throw new IotHubError('TooManyDevices', `A bulk request holds at most ${BULK_MAX} devices.`);
  }
  const parsed = z.array(bulkItem).min(1).safeParse(body);
  if (!parsed.success) throw new IotHubError('ArgumentInvalid', 'BadRequest');
  const errors = [];
  for (const item of parsed.data) {
    try {
      applyBulkItem(registry, item);
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error;
      errors.push({ deviceId: item.id, errorCode: error.number, errorStatus: error.text });
    }
  }
  return { isSuccessful: errors.length === 0, errors, warnings: [] };
}

/** @throws IotHubError if the registry rejects the change */
export function applyBulkItem(registry: DeviceRegistry, item: BulkItem): void {
  if (item.moduleId != null) throw notImplemented('modules in bulk requests');
  const etag = item.eTag ?? item.etag ?? '';
  switch (item.importMode) {
    case 'create':
      registry.create(item.id, item);
      break;
    case 'createorupdate':
      if (registry.find(item.id)) registry.update(item.id, item, '*');
      else registry.create(item.id, item);
      break;
    case 'update':
      registry.update(item.id, item, '*');
      break;
    case 'updateifmatchetag':
      registry.update(item.id, item, etag);
      break;
    case 'delete':
      registry.remove(item.id, '*');
      break;
    case 'deleteifmatchetag':
      registry.remove(item.id, etag);
      break;
  }
}
