/** File uploads of devices (iot-hub-devguide-file-upload): a device asks for a SAS, uploads, and reports the end. */

import { randomBytes } from 'node:crypto';
import type { Journal } from '../dataFolder';
import { IotHubError } from '../iotHubError';
import type { DeviceRegistry } from '../registry';
import { createServiceQueue, type ServiceQueue } from '../serviceQueue';
import { SAS_TTL_MS, type BlobStorage } from './blobStorage';
import { BLOB_PATH } from './forwardBlobs';

/** iot-hub-devguide-quotas-throttling: "10 concurrent file uploads per device". */
const MAX_ACTIVE_UPLOADS = 10;
/** rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata: 1 to 1,024 characters. */
const MAX_BLOB_NAME_CHARS = 1_024;
const CORRELATION_ID_BYTES = 24;

/** As Microsoft's service SDKs expect it. */
export const FILE_NOTIFICATION_CONTENT_TYPE = 'application/vnd.microsoft.iothub.filenotification.json';

/** iot-hub-devguide-file-upload, "Service: File upload notifications". */
interface FileNotification {
  readonly deviceId: string;
  readonly blobUri: string;
  readonly blobName: string;
  /** ISO 8601. */
  readonly lastUpdatedTime: string;
  readonly blobSizeInBytes: number;
  /** ISO 8601. */
  readonly enqueuedTimeUtc: string;
}

/** Where a device uploads a file: `https://<hostName>/<containerName>/<blobName><sasToken>`. */
export interface UploadTarget {
  readonly correlationId: string;
  readonly hostName: string;
  readonly containerName: string;
  readonly blobName: string;
  readonly sasToken: string;
}

export interface FileUploads {
  /**
   * @param emulatorHost host and port under which the device reaches the emulator's HTTPS
   * @throws IotHubError without a storage, for a wrong name, and for too many uploads
   */
  begin(deviceId: string, name: string, emulatorHost: string): Promise<UploadTarget>;
  /** The device reports the end of an upload. @throws IotHubError for an unknown upload, and for a missing blob */
  end(deviceId: string, correlationId: string, isSuccess: boolean): Promise<void>;
  readonly notifications: ServiceQueue<FileNotification>;
}

/** An upload that the device has not ended. */
interface Upload {
  readonly deviceId: string;
  readonly generationId: string;
  readonly blobName: string;
  /** Unix time in ms. */
  readonly startedAt: number;
}

const UPLOAD_KIND = 'upload';
const NOTIFICATION_KIND = 'fileNotification';
const keyOf = (correlationId: string) => `${UPLOAD_KIND}/${correlationId}`;

export function createFileUploads(
  registry: DeviceRegistry,
  journal: Journal,
  storage: BlobStorage | undefined,
): FileUploads {
  const notifications = createServiceQueue<FileNotification>(journal, NOTIFICATION_KIND);
  const uploads = new Map(journal.read(UPLOAD_KIND) as ReadonlyMap<string, Upload>);

  const forget = (ids: readonly string[]): void => {
    if (ids.length === 0) return;
    for (const id of ids) uploads.delete(id);
    journal.forget(...ids.map(keyOf));
  };
  const idsOf = (isWanted: (upload: Upload) => boolean): string[] =>
    [...uploads].filter(([, upload]) => isWanted(upload)).map(([id]) => id);
  registry.onChange((deviceId, device) => {
    if (!device) forget(idsOf((upload) => upload.deviceId === deviceId));
  });

  /** @throws IotHubError */
  const configured = (): BlobStorage => {
    if (storage) return storage;
    throw new IotHubError(
      'DefaultStorageEndpointNotConfigured',
      'The hub has no storage for file uploads. Start the emulator with --storage, see docs/emulator.md.',
    );
  };
  const reach = async <Value>(operation: () => Promise<Value>): Promise<Value> => {
    try {
      return await operation();
    } catch {
      throw new IotHubError('ServiceUnavailable', 'The storage for file uploads cannot be used.');
    }
  };

  return {
    notifications,
    async begin(deviceId, name, emulatorHost) {
      const { accountUrl, containerName, sasToken } = configured();
      const blobName = `${deviceId}/${name}`;
      if (name === '' || name.length > MAX_BLOB_NAME_CHARS) {
        throw new IotHubError(
          'ArgumentInvalid',
          `blobName must have 1 to ${MAX_BLOB_NAME_CHARS} characters.`,
        );
      }
      if (blobName.split(/[/\\]/).some((segment) => segment === '.' || segment === '..')) {
        throw new IotHubError('ArgumentInvalid', "blobName must not have the segments '.' and '..'.");
      }
      forget(idsOf(({ startedAt }) => startedAt <= Date.now() - SAS_TTL_MS));
      if (idsOf((upload) => upload.deviceId === deviceId).length >= MAX_ACTIVE_UPLOADS) {
        throw new IotHubError(
          'DeviceMaximumActiveFileUploadLimitExceeded',
          `The device has ${MAX_ACTIVE_UPLOADS} uploads that it has not ended.`,
        );
      }
      const correlationId = randomBytes(CORRELATION_ID_BYTES).toString('base64url');
      const { generationId } = registry.get(deviceId);
      const upload: Upload = { deviceId, generationId, blobName, startedAt: Date.now() };
      journal.write([keyOf(correlationId), upload]);
      uploads.set(correlationId, upload);
      try {
        const token = await reach(() => sasToken(blobName));
        const account = accountUrl.pathname.replace(/\/$/, '');
        // Device SDKs use HTTPS only. The emulator forwards to a storage that has no TLS.
        const host = accountUrl.protocol === 'https:' ? accountUrl.host : `${emulatorHost}${BLOB_PATH}`;
        return { correlationId, hostName: `${host}${account}`, containerName, blobName, sasToken: token };
      } catch (error) {
        forget([correlationId]);
        throw error;
      }
    },
    async end(deviceId, correlationId, isSuccess) {
      const { find } = configured();
      const upload = uploads.get(correlationId);
      if (upload?.deviceId !== deviceId || registry.get(deviceId).generationId !== upload.generationId) {
        throw new IotHubError('InvalidFileUploadCorrelationId', 'No upload has this correlation id.');
      }
      if (isSuccess) {
        const blob = await reach(() => find(upload.blobName));
        if (!uploads.has(correlationId)) return; // the device has reported the end twice
        if (!blob) throw new IotHubError('InvalidStorageEndpointOrBlob', 'The uploaded blob does not exist.');
        const now = Date.now();
        notifications.add(
          {
            deviceId,
            blobUri: blob.uri,
            blobName: upload.blobName,
            lastUpdatedTime: blob.lastModified.toISOString(),
            blobSizeInBytes: blob.sizeInBytes,
            enqueuedTimeUtc: new Date(now).toISOString(),
          },
          now,
        );
      }
      forget([correlationId]);
    },
  };
}
