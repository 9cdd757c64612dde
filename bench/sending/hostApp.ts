import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Child, startScript } from './childProcess';

/** Runs another app in the same kind of host. @param file its source */
export async function hostApp(file: string, settings: Readonly<Record<string, string>>): Promise<Child> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-bench-app-'));
  await build({
    entryPoints: [file],
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
    BENCH_SETTINGS: JSON.stringify(settings),
  });
  return {
    ...child,
    close: async () => {
      await child.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
