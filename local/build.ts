/** Bundles the app with esbuild, as it is deployed. */

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { buildWebClient } from './buildWebClient';
import { lazyModules } from './lazyModules';
import { narrowEntries } from './narrowEntries';

const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  sourcemap: true,
  plugins: [lazyModules, narrowEntries],
  // What a cold start reads and compiles is kept small; names and lines stay, for the stacks in logs.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 200,
  // Beside the bundle, which is thus pure ASCII: V8 keeps a text with a single other character at two bytes each.
  legalComments: 'external',
  logLevel: 'warning',
} satisfies BuildOptions;

/** How the app is built, but for its entry. */
export const APP_BUILD = {
  ...COMMON,
  external: [
    '@azure/functions-core', // the Functions worker provides it
    './entraId.js', // entries of their own, loaded lazily
    './productSnapshot.js',
    '@azure/storage-blob', // the device SDK loads it for file upload alone, which nothing here uses
  ],
} satisfies BuildOptions;

/** What is deployed. Beside the app stands what it loads only when it is needed. */
const BUNDLES: readonly BuildOptions[] = [
  {
    ...APP_BUILD,
    entryPoints: {
      app: 'src/app.ts',
      entraId: 'src/iothub/registry/entraId.ts',
      sdkWorker: 'src/iothub/eventHub/sdkWorker.ts',
    },
  },
  {
    ...COMMON,
    entryPoints: { productSnapshot: 'src/products/productSnapshot.ts' },
    external: ['@azure/functions-core', './entraId.js', 'pg-native'],
    // The storage SDK comes as an ES module here and asks for its own place.
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  },
];

/** Bundles the app into `dist/`, CommonJS with source maps. @throws when it does not compile (esbuild prints why) */
export async function buildApp(): Promise<void> {
  const built = await Promise.all(
    BUNDLES.map((options) => build({ ...options, outdir: 'dist', write: false })),
  );
  // Renamed into place, so that an app that is loaded meanwhile is never read half-written.
  for (const { path, contents } of built.flatMap(({ outputFiles }) => outputFiles)) {
    const unfinished = `${path}.${process.pid}`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(unfinished, contents);
    await rename(unfinished, path);
  }
}

export async function main(): Promise<void> {
  await Promise.all([buildApp(), buildWebClient()]);
  console.log('built dist/app.js and clients/web/dist');
}
