import { readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP_BUILD } from '../../local/build';
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

describe('a module that is required and not used', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubfront-lazy-'));
    const sdk = join(folder, 'azure-iot-sdk');
    await mkdir(join(folder, 'node_modules/lodash'), { recursive: true });
    await mkdir(sdk);
    await writeFile(
      join(folder, 'node_modules/lodash/index.js'),
      'globalThis.evaluated = (globalThis.evaluated ?? 0) + 1; module.exports = Object.assign((a) => [a], { merge: (a, b) => ({ ...a, ...b }) });',
    );
    await writeFile(
      join(sdk, 'twin.js'),
      "const _ = require('lodash'); exports.merge = (a, b) => _.merge(a, b); exports.wrap = (a) => _(a); exports.has = () => 'merge' in _;",
    );
    await build({
      ...APP_BUILD,
      entryPoints: [join(sdk, 'twin.js')],
      outfile: join(folder, 'bundle.js'),
      sourcemap: false,
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('is evaluated once, by its first use, and works as it does without', () => {
    const state = globalThis as { evaluated?: number };
    const twin = createRequire(import.meta.url)(join(folder, 'bundle.js'));
    expect(state.evaluated).toBeUndefined();
    expect([twin.merge({ a: 1 }, { b: 2 }), twin.wrap(3), twin.has()]).toEqual([{ a: 1, b: 2 }, [3], true]);
    expect(state.evaluated).toBe(1);
  });
});
