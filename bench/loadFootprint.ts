import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { OFFLINE_SETTINGS } from './offlineSettings';

/** The files and code that an app reads and runs at load. They are the same on every machine. */
export interface LoadFootprint {
  /** files that were required */
  files: string[];
  /** modules of Node that were loaded */
  nodeModules: number;
  /** bytes of its functions that ran, without nested functions that did not run */
  ranBytes: number;
}

/** @param bundle the path of a built app */
export function loadFootprint(bundle: string): LoadFootprint {
  const script = `
    const { Session } = require('node:inspector');
    const Module = require('node:module');
    const load = Module._load;
    const core = new Proxy({}, { get: (_, name) => (name === 'Disposable' ? class {} : () => new (class { dispose() {} })()) });
    Module._load = function (id, ...rest) { return id === '@azure/functions-core' ? core : load.call(this, id, ...rest); };
    const session = new Session();
    session.connect();
    const before = process.moduleLoadList.length;
    session.post('Profiler.enable');
    session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    require(${JSON.stringify(bundle)});
    const nodeModules = process.moduleLoadList.slice(before).filter((name) => name.startsWith('NativeModule ')).length;
    const files = Object.keys(require.cache);
    session.post('Profiler.takePreciseCoverage', (_, { result }) => {
      const [{ functions }] = result.filter(({ url }) => url.endsWith(${JSON.stringify(basename(bundle))}));
      const ran = new Uint8Array(require('node:fs').statSync(${JSON.stringify(bundle)}).size);
      // Outer functions come before what is in them: the innermost has the last word.
      const ranges = functions.map((one) => one.ranges[0]);
      ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
      for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      console.log(JSON.stringify({ files, nodeModules, ranBytes: ran.reduce((sum, one) => sum + one, 0) }));
      process.exit(0);
    });`;
  const printed = execFileSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...OFFLINE_SETTINGS },
  });
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as LoadFootprint;
}
