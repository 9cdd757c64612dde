import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OFFLINE_SETTINGS } from '../../bench/offlineSettings';

/** What a cold start reads. A package that is not here makes it slower for everybody: is it worth that? (`@azure/functions` is a bundle itself.) */
const PACKAGES = [
  '@azure/abort-controller',
  'async',
  'azure-iot-common',
  'azure-iot-device',
  'azure-iot-device-http',
  'azure-iot-http-base',
  'azure-iothub',
  'content-type',
  'cookie',
  'cron-parser',
  'debug',
  'getos',
  'has-flag',
  'lodash',
  'lru-cache',
  'ms',
  'negotiator',
  'node-crontab',
  'rhea',
  'supports-color',
  'traverse',
  'tslib',
  'undici',
  'uuid',
  'zod',
];
const MAX_BYTES = 2.1e6;

test('the bundle has these packages and no more', () => {
  const { sources } = JSON.parse(readFileSync('dist/app.js.map', 'utf8')) as { sources: string[] };
  const names = sources.flatMap((source) => {
    const [name] = [...source.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].slice(-1);
    return name?.[1] ?? [];
  });
  expect([...new Set(names)].toSorted()).toEqual(PACKAGES);
  expect(statSync('dist/app.js').size).toBeLessThan(MAX_BYTES);
});

test('loading the app reads one file', () => {
  const script = `
    const Module = require('node:module');
    const load = Module._load;
    const core = new Proxy({}, { get: (_, name) => (name === 'Disposable' ? class {} : () => new (class { dispose() {} })()) });
    Module._load = function (id, ...rest) { return id === '@azure/functions-core' ? core : load.call(this, id, ...rest); };
    require('./dist/app.js');
    console.log(JSON.stringify(Object.keys(require.cache)));
    process.exit(0);`;
  const printed = execFileSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...OFFLINE_SETTINGS },
  });
  expect(JSON.parse(printed.trim().split('\n').at(-1) ?? '')).toEqual([
    expect.stringMatching(/dist.app\.js$/),
  ]);
});
