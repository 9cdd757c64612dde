/** Bundles the app with esbuild, as it is deployed. */

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { buildWebClient } from './buildWebClient';
import { narrowEntries } from './narrowEntries';

const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  sourcemap: true,
  plugins: [narrowEntries],
  // Makes the bundle small, so that a cold start reads and compiles less. Names and lines are kept for stack traces in
  // logs.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 200,
  // Writes licences to a separate file. So the bundle is pure ASCII, which V8 stores with one byte per character.
  legalComments: 'external',
  logLevel: 'warning',
} satisfies BuildOptions;

/** Build options of the app, except for its entry. */
export const APP_BUILD = {
  ...COMMON,
  external: [
    '@azure/functions-core', // the Functions worker provides it
    './entraId.js', // entries of their own, loaded lazily
    './productSnapshot.js',
    '@azure/storage-blob', // the device SDK needs it only for file upload, which is not used here
  ],
} satisfies BuildOptions;

/** The deployed bundles: the app, and the parts that it loads lazily. */
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
    // The storage SDK is an ES module here, and reads its own URL.
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  },
];

/**
 * Bundles the app into `dist/`, CommonJS with source maps.
 *
 * @throws if it does not compile; esbuild prints the reason
 */
export async function buildApp(): Promise<void> {
  const built = await Promise.all(
    BUNDLES.map((options) => build({ ...options, outdir: 'dist', write: false })),
  );
  // Renamed to its final name, so that an app that is loaded at the same time does not read a partial file.
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
