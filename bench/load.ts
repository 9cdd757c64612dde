import { execFileSync, fork } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FromWorker } from '../local/functionsHost/workerProtocol';
import { type Result, inAlternation, result } from './measure';
import { OFFLINE_SETTINGS } from './offlineSettings';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 15);
const WORKER = 'local/functionsHost/worker.cjs';
/** Within node_modules, so that packages are found from there by their names. */
const PEERS_FOLDER = 'node_modules/.cache/hubfront-bench';

/** What src/ imports, by package names. */
const SDKS = [
  '@azure/functions',
  'azure-iothub',
  'azure-iot-device',
  'azure-iot-device-http',
  'rhea',
  'undici',
  'zod',
  'lru-cache',
  'negotiator',
];

/**
 * From a fresh process to "functions registered", as the worker of a new instance does it: the built app, against the
 * same packages imported by their names and unbundled, and against an app that imports nothing, which is what Node and
 * the worker cost themselves. On each Node that is asked for, by default the one that runs this and the one in Azure.
 *
 * @param majors of Node, fetched by npx where they are not the running one
 */
export async function benchLoad(majors = [20, 22, 24]): Promise<Result[]> {
  const sdks = await peerApp('sdks', SDKS.map((name) => `require('${name}');`).join('\n'));
  const nothing = await peerApp('nothing', '');
  const results: Result[] = [];
  for (const major of majors) {
    const { node, version } = nodeOf(major);
    const cache = await mkdtemp(join(tmpdir(), 'hubfront-compile-cache-'));
    const load = (folder: string, env = {}) => loadOnce(node, folder, env);
    const times = await inAlternation(ROUNDS, {
      app: () => load(process.cwd()),
      sdks: () => load(sdks),
      nothing: () => load(nothing),
      // Node 20 does not know the setting: there this is the same as `app`.
      cached: () => load(process.cwd(), { NODE_COMPILE_CACHE: cache }),
    });
    await rm(cache, { recursive: true, force: true });
    const what = `load, Node ${version}`;
    results.push(
      result(what, times.app, 'the same packages unbundled', times.sdks),
      result(what, times.app, 'an app that imports nothing', times.nothing),
    );
    if (major >= 22) {
      results.push(result(`${what}, restarted with a compile cache`, times.cached, 'without', times.app));
    }
  }
  return results;
}

async function peerApp(name: string, source: string): Promise<string> {
  const folder = join(process.cwd(), PEERS_FOLDER, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "main": "index.js" }\n');
  await writeFile(join(folder, 'index.js'), source);
  return folder;
}

function nodeOf(major: number): { node: string; version: string } {
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

function loadOnce(execPath: string, appFolder: string, env: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(WORKER, {
      execPath,
      execArgv: [],
      env: { ...OFFLINE_SETTINGS, ...env },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', (messages: FromWorker[]) => {
      const type = messages.map((message) => message.type).find((one) => one.startsWith('load'));
      if (type === undefined) return;
      child.once('exit', () => undefined);
      // The compile cache is written when a process ends by itself.
      child.send([{ type: 'terminate' }], () => undefined);
      if (type === 'loaded') resolve();
      else reject(new Error(`${appFolder} could not be loaded`));
    });
    child.on('error', reject);
    child.send([{ type: 'load', appFolder }]);
  });
}
