import { IotHubError } from '../iotHubError';
import { parseJson } from '../parseJson';
import { applyBulkItem, clientIdOf, importItem, type Identities } from '../registry';
import { readTwinChange, type TwinStore } from '../twins';
import type { JobRequest } from './job';

/** The blob with the errors of the devices that could not be imported (iot-hub-bulk-identity-mgmt). */
const ERROR_BLOB = 'importErrors.log';
/** Limits memory. The errors of further devices are not written. */
const MAX_ERRORS = 10_000;
/** A device with a twin of the largest size has about 75 KB (iot-hub-devguide-device-twins). */
const MAX_LINE_CHARS = 1024 * 1024;

/**
 * Reads a blob with a line of JSON for each device and module (iot-hub-bulk-identity-mgmt, "Import devices"). Each device succeeds
 * or fails separately.
 *
 * @throws an error of the storage
 */
export async function importDevices(
  identities: Identities,
  twins: TwinStore,
  request: Extract<JobRequest, { type: 'import' }>,
  abortSignal: AbortSignal,
): Promise<void> {
  const { ContainerClient } = await import('@azure/storage-blob'); // only if it is used
  const input = new ContainerClient(request.inputBlobContainerUri).getBlobClient(request.inputBlobName);
  const { readableStreamBody } = await input.download(undefined, undefined, { abortSignal });
  const errors: string[] = [];
  for await (const line of linesOf(readableStreamBody as AsyncIterable<Buffer>)) {
    abortSignal.throwIfAborted();
    const error = line.trim() === '' ? undefined : importLine(identities, twins, line);
    if (error && errors.length < MAX_ERRORS) errors.push(JSON.stringify(error));
  }
  if (errors.length === 0) return;
  const output = new ContainerClient(request.outputBlobContainerUri).getBlockBlobClient(ERROR_BLOB);
  const text = errors.join('\n');
  await output.upload(text, Buffer.byteLength(text), { abortSignal });
}

/** Node's readline does not report the errors of its input. @throws IotHubError for a line that is too long */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > MAX_LINE_CHARS) {
      throw new IotHubError('DeserializationError', `A line has more than ${MAX_LINE_CHARS} characters.`);
    }
  }
  yield rest + decoder.decode();
}

/** Characters of an id that is reported. A device id has at most 128. */
const MAX_REPORTED_ID = 128;

interface ImportError {
  readonly id: string;
  readonly moduleId?: string;
  readonly errorCode: number;
  readonly errorStatus: string;
}

function importLine(identities: Identities, twins: TwinStore, line: string): ImportError | undefined {
  let id = '';
  let moduleId: string | undefined;
  try {
    const json = parseLine(line);
    const item = importItem.safeParse(json);
    if (!item.success) throw new IotHubError('DeserializationError', 'The line is not a device.');
    id = item.data.id.slice(0, MAX_REPORTED_ID);
    moduleId = item.data.moduleId?.slice(0, MAX_REPORTED_ID);
    applyBulkItem(identities, item.data);
    const { tags, properties } = json as { tags?: unknown; properties?: unknown };
    if (isRegistered(identities, item.data) && (tags !== undefined || properties !== undefined)) {
      const clientId = clientIdOf({ deviceId: item.data.id, moduleId: item.data.moduleId ?? undefined });
      twins.replace(clientId, readTwinChange({ tags, properties }), '*');
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    const named = { id, ...(moduleId === undefined ? {} : { moduleId }) };
    return { ...named, errorCode: error.number, errorStatus: error.text };
  }
}

const isRegistered = (
  { devices, modules }: Identities,
  { id, moduleId }: { readonly id: string; readonly moduleId?: string | null | undefined },
): boolean => (moduleId == null ? devices.find(id) : modules.find(id, moduleId)) !== undefined;

function parseLine(line: string): unknown {
  try {
    return parseJson(Buffer.from(line), 'The line');
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    throw new IotHubError('DeserializationError', error.text);
  }
}
