import { fork } from 'node:child_process';
import type { RawOptions } from './rawReceiver';
import type { RawReply, RawRequest } from './runRawReceiver';

/** A `RawReceiver` that measures its own time in ms, without the communication with its process. */
export interface RawProcess {
  drain: (counts: ReadonlyMap<string, number>) => Promise<number>;
  readPartitions: (ids: readonly string[]) => Promise<number>;
  close: () => Promise<void>;
}

/**
 * Runs the receiver in a separate process with unmodified rhea, because the feed replaces the decoder in its process.
 */
export async function startRawProcess(options: RawOptions): Promise<RawProcess> {
  const child = fork('bench/runRawReceiver.ts', { execArgv: ['--import', 'tsx'] });
  const ask = (request: RawRequest): Promise<number> =>
    new Promise((resolve, reject) => {
      const onExit = (): void => {
        reject(new Error('the raw receiver ended'));
      };
      child.once('exit', onExit);
      child.once('message', ({ ms }: RawReply) => {
        child.off('exit', onExit);
        resolve(ms);
      });
      child.send(request);
    });
  await ask({ connect: options });
  return {
    drain: (counts) => ask({ drain: [...counts] }),
    readPartitions: (readPartitions) => ask({ readPartitions }),
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    },
  };
}
