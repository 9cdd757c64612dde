import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Child, startScript } from './childProcess';

/** The original's design in the same host as the app. */
export async function startOriginal(
  settings: Readonly<Record<string, string>>,
  keepAlive: boolean,
): Promise<Child> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-original-'));
  await build({
    entryPoints: ['bench/sending/originalApp.ts'],
    outfile: join(folder, 'app.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['@azure/functions-core', '@azure/storage-blob'],
    logLevel: 'error',
  });
  await writeFile(join(folder, 'package.json'), '{"main":"app.js"}');
  await writeFile(join(folder, 'host.json'), '{"version":"2.0"}');
  const child = await startScript('bench/sending/runHost.ts', {
    BENCH_APP_FOLDER: folder,
    BENCH_SETTINGS: JSON.stringify({ ...settings, BENCH_KEEP_ALIVE: String(keepAlive) }),
  });
  return {
    ...child,
    close: async () => {
      await child.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
