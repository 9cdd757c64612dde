import { clientIdOf, type Identities } from '../registry';
import { deviceTwinJson, type TwinStore } from '../twins';
import type { JobRequest } from './job';

/** A block ends with the line that reaches this size. One block, and the lines of one device, are held in memory at a time. */
const BLOCK_BYTES = 1024 * 1024;
/** The ids of a blob's blocks have the same length. A blob has at most 50,000 blocks. */
const BLOCK_ID_DIGITS = 5;

/**
 * Writes a line of JSON for each device and module into a blob (iot-hub-bulk-identity-mgmt, "Export devices";
 * azure-iot-sdk-csharp#1146 for modules).
 *
 * @throws an error of the storage
 */
export async function exportDevices(
  identities: Identities,
  twins: TwinStore,
  request: Extract<JobRequest, { type: 'export' }>,
  abortSignal: AbortSignal,
): Promise<void> {
  const { ContainerClient } = await import('@azure/storage-blob'); // only if it is used
  const blob = new ContainerClient(request.outputBlobContainerUri).getBlockBlobClient(request.outputBlobName);
  const lines = exportedLines(identities, twins, request.excludeKeysInExport === true);
  // The library's `uploadStream` does not end a request that is aborted.
  const blocks: string[] = [];
  for (const block of blocksOf(lines)) {
    const id = Buffer.from(String(blocks.length).padStart(BLOCK_ID_DIGITS, '0')).toString('base64');
    await blob.stageBlock(id, block, block.length, { abortSignal });
    blocks.push(id);
  }
  await blob.commitBlockList(blocks, { abortSignal });
}

function* blocksOf(lines: Iterable<string>): Generator<Buffer> {
  let block: Buffer[] = [];
  let bytes = 0;
  for (const line of lines) {
    const encoded = Buffer.from(line);
    block.push(encoded);
    bytes += encoded.length;
    if (bytes < BLOCK_BYTES) continue;
    yield Buffer.concat(block);
    [block, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(block);
}

/** The devices of the time at which the job began, each with its modules. */
function* exportedLines({ devices, modules }: Identities, twins: TwinStore, excludesKeys: boolean) {
  const noKeys = { symmetricKey: { primaryKey: null, secondaryKey: null } };
  const without = excludesKeys ? noKeys : {};
  for (const { deviceId: id } of [...devices.all()]) {
    const device = devices.find(id);
    if (!device) continue; // deleted in the meantime
    const { etag: eTag, status, statusReason, authentication, capabilities, deviceScope } = device;
    // All lines before the first `yield`: the device or a module may be deleted while the job waits for its storage.
    const ofDevice = lineOf({
      ...{ id, eTag, status, statusReason, capabilities },
      authentication: { ...authentication, ...without },
      ...(deviceScope === undefined ? {} : { deviceScope }),
      ...twinOf(twins, id),
    });
    const ofModules = modules.listOf(id).map((module) => {
      const { moduleId, managedBy } = module;
      return lineOf({
        ...{ id, moduleId, eTag: module.etag, status, managedBy, capabilities: { iotEdge: false } },
        authentication: { ...module.authentication, ...without },
        ...twinOf(twins, clientIdOf(module)),
      });
    });
    yield* [ofDevice, ...ofModules];
  }
}

const lineOf = (identity: object): string => `${JSON.stringify(identity)}\n`;

function twinOf(twins: TwinStore, clientId: string): object {
  const twin = twins.get(clientId);
  return { tags: twin.tags, properties: deviceTwinJson(twin) };
}
