import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const FOLDER = join('clients', 'web');
export const WEB_CLIENT_ENTRY = join(FOLDER, 'hubfront.ts');
/** Browsers of 2020 and later. */
export const BROWSERS = 'es2020';

/**
 * Builds `clients/web/dist`: `hubfront.mjs` for bundlers and module scripts, `hubfront.js` for a classic script
 * (`hubfront.createHubfront`), and the types of both.
 *
 * @throws when it does not compile
 */
export async function buildWebClient(): Promise<void> {
  const options = {
    entryPoints: [WEB_CLIENT_ENTRY],
    bundle: true,
    minify: true,
    sourcemap: true,
    target: BROWSERS,
  };
  const dist = join(FOLDER, 'dist');
  await Promise.all([
    build({ ...options, format: 'esm', outfile: join(dist, 'hubfront.mjs') }),
    build({ ...options, format: 'iife', globalName: 'hubfront', outfile: join(dist, 'hubfront.js') }),
    writeTypes(dist),
  ]);
}

async function writeTypes(dist: string): Promise<void> {
  const { default: ts } = await import('typescript'); // slow to load, and wanted here alone
  const { config } = ts.readConfigFile(join(FOLDER, 'tsconfig.json'), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, FOLDER);
  const program = ts.createProgram([WEB_CLIENT_ENTRY], {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
  });
  await mkdir(dist, { recursive: true });
  let types = '';
  program.emit(undefined, (path, text) => {
    if (basename(path) === 'hubfront.d.ts') types = text;
  });
  await writeFile(join(dist, 'hubfront.d.ts'), types);
}
