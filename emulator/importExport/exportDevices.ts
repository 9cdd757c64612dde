import type { DeviceRegistry } from '../registry';
import { deviceTwinJson, type TwinStore } from '../twins';
import type { JobRequest } from './job';

/** A block ends with the line that reaches this size. One block is held in memory at a time. */
const BLOCK_BYTES = 1024 * 1024;
/** The ids of a blob's blocks have the same length. A blob has at most 50,000 blocks. */
const BLOCK_ID_DIGITS = 5;

/**
 * Writes a line of JSON for each device into a blob (iot-hub-bulk-identity-mgmt, "Export devices").
 *
 * @throws an error of the storage
 */
export async function exportDevices(
  registry: DeviceRegistry,
  twins: TwinStore,
  request: Extract<JobRequest, { type: 'export' }>,
  abortSignal: AbortSignal,
): Promise<void> {
  const { ContainerClient } = await import('@azure/storage-blob'); // only if it is used
  const blob = new ContainerClient(request.outputBlobContainerUri).getBlockBlobClient(request.outputBlobName);
  const lines = exportedLines(registry, twins, request.excludeKeysInExport === true);
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

/** The devices of the time at which the job began. */
function* exportedLines(registry: DeviceRegistry, twins: TwinStore, excludesKeys: boolean) {
  for (const { deviceId: id } of [...registry.all()]) {
    const device = registry.find(id);
    if (!device) continue; // deleted in the meantime
    const { etag: eTag, status, statusReason, authentication, capabilities, deviceScope } = device;
    const twin = twins.get(id);
    const symmetricKey = excludesKeys
      ? { primaryKey: null, secondaryKey: null }
      : authentication.symmetricKey;
    yield `${JSON.stringify({
      id,
      eTag,
      status,
      statusReason,
      authentication: { ...authentication, symmetricKey },
      capabilities,
      ...(deviceScope === undefined ? {} : { deviceScope }),
      tags: twin.tags,
      properties: deviceTwinJson(twin),
    })}\n`;
  }
}
