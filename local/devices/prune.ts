/** Deletes devices that nobody has seen for a while, in groups, so that the command can be stopped and repeated. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Registry } from 'azure-iothub';
import * as z from 'zod';
import { registryProblem } from '../../src/iothub/errors';
import { type UnseenDevice, unseenDevices } from './unseenDevices';

/** IoT Hub: at most 100 devices per bulk request (rest/api/iothub/service/bulkregistry). */
const GROUP_SIZE = 100;
const MAX_FAILURES = 5;
const MAX_PAUSE_S = 60;
/** IoT Hub's code of a device that does not exist: a query may still return it for some minutes. */
const DEVICE_NOT_FOUND = 404001;
const ERROR_NAMES: Readonly<Record<number, string>> = {
  412001: 'it has changed since it was listed',
};

const bulkResult = z.object({
  errors: z
    .array(z.object({ deviceId: z.string(), errorCode: z.number(), errorStatus: z.string() }))
    .nullish(),
});

export interface Pruning {
  registry: Pick<Registry, 'createQuery' | 'removeDevices'>;
  /** Unix time, ms */
  since: number;
  /** of the ids of visitors' gateways */
  idPrefix: string;
  /** only lists the devices */
  isDryRun: boolean;
  /** if it is aborted, the current group is completed and no further group is started */
  signal: AbortSignal;
  onDevice: (device: UnseenDevice) => void;
  onProgress: (line: string) => void;
}

export interface Pruned {
  unseen: number;
  deleted: number;
  kept: number;
  ageless: number;
  /** why a device was not deleted, by its id */
  failures: Map<string, string>;
}

/** @throws the registry's error, when it persists */
export async function prune(pruning: Pruning): Promise<Pruned> {
  const { registry, since, idPrefix, isDryRun, signal, onDevice, onProgress } = pruning;
  const pruned: Pruned = { unseen: 0, deleted: 0, kept: 0, ageless: 0, failures: new Map() };
  const attempt = createAttempts(signal, onProgress);
  for await (const page of unseenDevices(registry, since, idPrefix, attempt)) {
    pruned.unseen += page.unseen.length;
    pruned.kept += page.kept.length;
    pruned.ageless += page.ageless.length;
    page.unseen.forEach(onDevice);
    for (let first = 0; !isDryRun && first < page.unseen.length; first += GROUP_SIZE) {
      if (signal.aborted) return pruned;
      const group = page.unseen.slice(first, first + GROUP_SIZE);
      const failures = await attempt(() => deleteGroup(registry, group));
      for (const [deviceId, reason] of failures) pruned.failures.set(deviceId, reason);
      pruned.deleted += group.length - failures.size;
      onProgress(`deleted ${pruned.deleted} of ${pruned.unseen} found so far`);
    }
    if (signal.aborted) return pruned;
  }
  return pruned;
}

/** @returns why devices were not deleted */
async function deleteGroup(
  registry: Pick<Registry, 'removeDevices'>,
  group: readonly UnseenDevice[],
): Promise<Map<string, string>> {
  const withEtag = group.every(({ etag }) => etag !== undefined);
  const devices = group.map(({ deviceId, etag }) => ({ deviceId, etag: etag ?? '' }));
  const { responseBody } = await registry.removeDevices(devices, !withEtag);
  const { errors } = bulkResult.parse(responseBody);
  return new Map(
    (errors ?? [])
      .filter(({ errorCode }) => errorCode !== DEVICE_NOT_FOUND)
      .map(({ deviceId, errorCode, errorStatus }) => [deviceId, ERROR_NAMES[errorCode] ?? errorStatus]),
  );
}

/** Retries throttled requests without limit, and other transient failures a few times. */
function createAttempts(signal: AbortSignal, onProgress: Pruning['onProgress']) {
  return async <T>(work: () => Promise<T>): Promise<T> => {
    for (let failures = 0; ;) {
      try {
        return await work();
      } catch (error) {
        const { code, message, retryAfterSeconds = 0 } = registryProblem(error);
        const isThrottled = code === 'hub_throttled';
        if (!isThrottled) failures += 1;
        const isTransient = isThrottled || (code === 'hub_unavailable' && failures < MAX_FAILURES);
        if (!isTransient || signal.aborted) throw error;
        const seconds = Math.min(MAX_PAUSE_S, Math.max(1, retryAfterSeconds));
        onProgress(`${message} Trying again in ${seconds} s.`);
        await delay(seconds * 1_000, undefined, { signal });
      }
    }
  };
}
