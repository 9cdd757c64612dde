import { timingSafeEqual } from 'node:crypto';
import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';

/**
 * How long a SAS of an upload is valid, and the upload active: an hour is the default of a hub
 * (iot-hub-configure-file-upload).
 */
export const SAS_TTL_MS = 60 * 60 * 1_000;
/** Storage rejects a SAS that starts in its future, so it starts in the past of this clock. */
const CLOCK_TOLERANCE_MS = 5 * 60 * 1_000;
/** Read and write. */
const SAS_PERMISSIONS = 'rw';
/** The fields of a SAS of an upload, in a query. */
const SAS_FIELDS = ['sv', 'st', 'se', 'sr', 'sp', 'sig'] as const;

/** A device waits for the response, so that the hub tries only twice, for a bounded time each. */
const RETRY_OPTIONS = { maxTries: 2, retryDelayInMs: 100, tryTimeoutInMs: 10_000 };

const DEFAULT_CONTAINER = 'uploads';
/** rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata, "Container names". */
const CONTAINER = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** The container of Azure Blob Storage, or of Azurite, into which the devices of a hub upload files. */
export interface BlobStorage {
  readonly containerName: string;
  /** URL of the storage account. Azurite's has the name of the account as its path. */
  readonly accountUrl: URL;
  /** The query of a URL with which a device may read and write a blob, with its question mark. */
  sasToken(blobName: string): Promise<string>;
  /** Whether a query has a SAS that `sasToken` returned for this blob, and that has not expired. */
  isAuthorized(blobName: string, query: URLSearchParams): Promise<boolean>;
  /** Undefined if the blob does not exist. */
  find(blobName: string): Promise<UploadedBlob | undefined>;
}

export interface UploadedBlob {
  readonly uri: string;
  readonly sizeInBytes: number;
  readonly lastModified: Date;
}

/**
 * Opens a container for each hub. A container that is absent is created at each upload.
 *
 * @param connectionString of Azure Storage, with an account key
 * @param hubNames the container of the first hub is `containerName`, those of the others are `<containerName>-<hub name>`
 * @throws RangeError whose message contains no part of the connection string
 */
export async function openBlobStorages(
  connectionString: string,
  hubNames: readonly string[],
  containerName = DEFAULT_CONTAINER,
): Promise<readonly BlobStorage[]> {
  const names = hubNames.map((hub, index) => (index === 0 ? containerName : `${containerName}-${hub}`));
  const wrong = names.find((name) => !CONTAINER.test(name));
  if (wrong !== undefined) {
    throw new RangeError(
      `'${wrong}' is not a container name: 3 to 63 lower-case letters, digits and single hyphens`,
    );
  }
  const { BlobServiceClient } = await import('@azure/storage-blob'); // only if it is used
  let service: BlobServiceClient;
  try {
    service = BlobServiceClient.fromConnectionString(connectionString, { retryOptions: RETRY_OPTIONS });
  } catch {
    throw new RangeError('storage must be a connection string of Azure Storage');
  }
  if (!('accountKey' in service.credential)) {
    throw new RangeError('storage must be a connection string with an account key');
  }
  return names.map((name) => openContainer(service.getContainerClient(name), new URL(service.url)));
}

function openContainer(container: ContainerClient, accountUrl: URL): BlobStorage {
  const sign = async (blobName: string, startsOn: Date, expiresOn: Date): Promise<URL> => {
    const { BlobSASPermissions } = await import('@azure/storage-blob');
    const permissions = BlobSASPermissions.parse(SAS_PERMISSIONS);
    return new URL(
      await container.getBlobClient(blobName).generateSasUrl({ permissions, startsOn, expiresOn }),
    );
  };
  return {
    containerName: container.containerName,
    accountUrl,
    async sasToken(blobName) {
      // Each time: the storage may start later than the emulator, and in-memory storage loses its containers.
      await container.createIfNotExists();
      const now = Date.now();
      const startsOn = new Date(now - CLOCK_TOLERANCE_MS);
      return (await sign(blobName, startsOn, new Date(now + SAS_TTL_MS))).search;
    },
    async isAuthorized(blobName, query) {
      if (SAS_FIELDS.some((field) => query.getAll(field).length !== 1)) return false;
      const [startsOn, expiresOn] = [new Date(query.get('st') ?? ''), new Date(query.get('se') ?? '')];
      if (!(startsOn.getTime() <= Date.now() && expiresOn.getTime() > Date.now())) return false;
      const { searchParams: signed } = await sign(blobName, startsOn, expiresOn);
      return SAS_FIELDS.every((field) => isEqual(query.get(field) ?? '', signed.get(field) ?? ''));
    },
    async find(blobName) {
      const blob = container.getBlobClient(blobName);
      try {
        const { contentLength = 0, lastModified = new Date() } = await blob.getProperties();
        return { uri: blob.url, sizeInBytes: contentLength, lastModified };
      } catch (error) {
        if ((error as { statusCode?: number }).statusCode === NOT_FOUND) return undefined;
        throw error;
      }
    },
  };
}

const NOT_FOUND = 404;

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
