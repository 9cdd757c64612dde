import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { BOUNDS } from '../../bench/bounds';
import { loadFootprint } from '../../bench/loadFootprint';

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

test('the bundle has these packages and no more', () => {
  const { sources } = JSON.parse(readFileSync('dist/app.js.map', 'utf8')) as { sources: string[] };
  const names = sources.flatMap((source) => {
    const [name] = [...source.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].slice(-1);
    return name?.[1] ?? [];
  });
  expect([...new Set(names)].toSorted()).toEqual(PACKAGES);
  expect(statSync('dist/app.js').size).toBeLessThan(BOUNDS.bundleBytes);
});

test('loading the app reads one file, and runs only what a registration of functions needs', () => {
  const { files, nodeModules, ranBytes } = loadFootprint(resolve('dist/app.js'));
  expect(files).toEqual([expect.stringMatching(/dist.app\.js$/)]);
  expect(nodeModules).toBeLessThanOrEqual(BOUNDS.nodeModulesAtLoad);
  expect(ranBytes).toBeLessThanOrEqual(BOUNDS.runAtLoadBytes);
});

test('the bundle is ASCII: a single other character would double what V8 keeps of it', () => {
  expect(readFileSync('dist/app.js').every((byte) => byte < 128)).toBe(true);
});
