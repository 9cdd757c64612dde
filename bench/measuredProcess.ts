/** Processes that benches measure, bundled as the app is. */

import { type Serializable, fork } from 'node:child_process';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { APP_BUILD } from '../local/build';

const FOLDER = 'node_modules/.cache/hubfront-bench';

/** A process of a bench, which measures what it is asked for, one request at a time. */
export interface MeasuredProcess<Request, Reply> {
  ask: (request: Request) => Promise<Reply>;
  close: () => Promise<void>;
}

/**
 * Bundled as the app is: a loader of TypeScript leaves the code slower.
 *
 * @param script answers each message that it gets with one
 */
export async function startMeasuredProcess<Request extends Serializable, Reply>(
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<MeasuredProcess<Request, Reply>> {
  const outfile = join(FOLDER, basename(script, '.ts').concat('.js'));
  await build({ ...APP_BUILD, entryPoints: [script], outfile });
  const child = fork(outfile, { execArgv: [], env: { ...process.env, ...env } });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const onExit = (): void => {
          reject(new Error(`${script} has ended`));
        };
        child.once('exit', onExit);
        child.once('message', (reply) => {
          child.off('exit', onExit);
          resolve(reply as Reply);
        });
        child.send(request);
      }),
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    },
  };
}
