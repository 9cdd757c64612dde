import { startMeasuredProcess } from './measuredProcess';
import type { RawOptions } from './rawReceiver';
import type { RawReply, RawRequest } from './runRawReceiver';

/** A `RawReceiver` that measures its own time in ms, without the communication with its process. */
export interface RawProcess {
  drain: (counts: ReadonlyMap<string, number>) => Promise<number>;
  readPartitions: (ids: readonly string[]) => Promise<number>;
  close: () => Promise<void>;
}

/** In a process of its own, as the feed: neither pays for what the other leaves in memory. */
export async function startRawProcess(options: RawOptions): Promise<RawProcess> {
  const { ask, close } = await startMeasuredProcess<RawRequest, RawReply>('bench/runRawReceiver.ts');
  await ask({ connect: options });
  return {
    drain: async (counts) => (await ask({ drain: [...counts] })).ms,
    readPartitions: async (readPartitions) => (await ask({ readPartitions })).ms,
    close,
  };
}
