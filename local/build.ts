import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { build } from 'esbuild';
import { buildWebClient } from './buildWebClient';

/** What is deployed. Beside the app stands what it loads only when it is needed. */
const ENTRIES = { app: 'src/app.ts', entraId: 'src/iothub/entraId.ts' };

const EXTERNAL = [
  '@azure/functions-core', // the Functions worker provides it
  './entraId.js', // an entry of its own, loaded lazily
  '@azure/storage-blob', // the device SDK loads it for file upload alone, which nothing here uses
];

/** Bundles the app into `dist/`, CommonJS with source maps. @throws when it does not compile (esbuild prints why) */
export async function buildApp(): Promise<void> {
  const { outputFiles } = await build({
    write: false,
    entryPoints: ENTRIES,
    outdir: 'dist',
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    sourcemap: true,
    keepNames: true, // errors of the SDKs are told apart by name
    external: EXTERNAL,
    logLevel: 'warning',
  });
  // Renamed into place, so that an app that is loaded meanwhile is never read half-written.
  for (const { path, contents } of outputFiles) {
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
