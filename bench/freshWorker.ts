/** Measures how long a new worker process takes to load an app. */

import { execFileSync, fork } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import type { FromWorker } from '../local/functionsHost/workerProtocol';
import { OFFLINE_SETTINGS } from './offlineSettings';

const WORKER = 'local/functionsHost/worker.cjs';

/** Cost from the start of a process until the worker reports that the functions are registered. */
export interface LoadCost {
  ms: number;
  /** CPU time of all its threads; NaN if the system does not provide it (Linux does) */
  cpuMs: number;
}

/** Loads an app as the worker of a new instance does. @param appFolder with the `package.json` that names its `main` */
export async function loadInFreshWorker(
  node: string,
  appFolder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<LoadCost> {
  const start = performance.now();
  const child = fork(WORKER, {
    execPath: node,
    execArgv: [],
    env: { ...OFFLINE_SETTINGS, ...env },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const cost = await new Promise<LoadCost>((resolve, reject) => {
    child.on('message', (messages: FromWorker[]) => {
      for (const message of messages) {
        if (message.type === 'loaded') {
          resolve({ ms: performance.now() - start, cpuMs: cpuMs(child.pid) });
        } else if (message.type === 'loadFailed') {
          reject(new Error(`${appFolder} could not be loaded: ${message.reason}`));
        }
      }
    });
    child.on('error', reject);
    child.send([{ type: 'load', appFolder }]);
  });
  // The process ends by itself, because a compile cache is written only then. The next one starts after that, so that
  // they do not disturb each other.
  child.send([{ type: 'terminate' }], () => undefined);
  await ended;
  return cost;
}

/** From the scheduler's statistics in ns, which are more precise than the ticks of `/proc/<pid>/stat`. */
function cpuMs(pid: number | undefined): number {
  try {
    const tasks = `/proc/${pid ?? ''}/task`;
    const ns = readdirSync(tasks).map((task) =>
      Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    );
    return ns.reduce((sum, one) => sum + one, 0) / 1e6;
  } catch {
    return NaN;
  }
}

/** @returns a Node of this major version, fetched by npx if it is not the running one */
export function nodeOf(major: number): { node: string; version: string } {
  if (process.versions.node.startsWith(`${major}.`)) {
    return { node: process.execPath, version: process.versions.node };
  }
  const printed = execFileSync(
    'npx',
    ['-y', '-p', `node@${major}`, 'node', '-p', 'process.execPath + " " + process.versions.node'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const [node = '', version = ''] = printed.trim().split(' ');
  return { node, version };
}
