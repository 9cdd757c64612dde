// Builds the package: the library, the command, the types, and the documentation as its README. `npm pack` in this
// folder runs it. A package.json in `emulator/` itself would redirect imports of that folder from the source to the
// build.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('.', import.meta.url));
process.chdir(folder);
rmSync('dist', { recursive: true, force: true });

const common = { bundle: true, platform: 'node', target: 'node20', format: 'cjs', packages: 'external' };
await build({ ...common, entryPoints: ['../index.ts'], outfile: 'dist/index.cjs' });
await build({
  ...common,
  entryPoints: ['../bin.ts'],
  outfile: 'dist/bin.cjs',
  banner: { js: '#!/usr/bin/env node' },
});

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

cpSync('../adminPage/page', 'dist/page', { recursive: true });
cpSync('../../docs/emulator.md', 'README.md');
cpSync('../../LICENSE', 'LICENSE');
