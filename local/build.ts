import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BuildOptions, type OutputFile, build } from 'esbuild';
import { buildWebClient } from './buildWebClient';
import { lazyModules } from './lazyModules';

interface Bundle extends Pick<BuildOptions, 'define' | 'banner'> {
  entryPoints: Record<string, string>;
  external: readonly string[];
}

/** What is deployed. Beside the app stands what it loads only when it is needed. */
const BUNDLES: readonly Bundle[] = [
  {
    entryPoints: { app: 'src/app.ts', entraId: 'src/iothub/entraId.ts' },
    external: [
      './entraId.js', // entries of their own, loaded lazily
      './productSnapshot.js',
      '@azure/storage-blob', // the device SDK loads it for file upload alone, which nothing here uses
    ],
  },
  {
    entryPoints: { productSnapshot: 'src/products/productSnapshot.ts' },
    external: ['./entraId.js', 'pg-native'],
    // The storage SDK comes as an ES module here and asks for its own place.
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  },
];

/** Bundles the app into `dist/`, CommonJS with source maps. @throws when it does not compile (esbuild prints why) */
export async function buildApp(): Promise<void> {
  const outputFiles = (await Promise.all(BUNDLES.map(bundle))).flat();
  // Renamed into place, so that an app that is loaded meanwhile is never read half-written.
  for (const { path, contents } of outputFiles) {
    const unfinished = `${path}.${process.pid}`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(unfinished, contents);
    await rename(unfinished, path);
  }
}

async function bundle({ entryPoints, external, ...options }: Bundle): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    write: false,
    entryPoints: Object.entries(entryPoints).map(([out, file]) => ({ in: file, out })),
    outdir: 'dist',
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    sourcemap: true,
    plugins: [lazyModules],
    // What a cold start reads and compiles is kept small; names and lines stay, for the stacks in logs.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 200,
    // Beside the bundle, which is thus pure ASCII: V8 keeps a text with a single other character at two bytes each.
    legalComments: 'external',
    external: ['@azure/functions-core', ...external], // the Functions worker provides the first
    logLevel: 'warning',
    ...options,
  });
  return outputFiles;
}

export async function main(): Promise<void> {
  await Promise.all([buildApp(), buildWebClient()]);
  console.log('built dist/app.js and clients/web/dist');
}
