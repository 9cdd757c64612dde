/** Bundles the web client for pages: an ES module, a classic script, and their types. */

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { minify } from 'terser';

const FOLDER = join('clients', 'web');
const DIST = join(FOLDER, 'dist');
export const WEB_CLIENT_ENTRY = join(FOLDER, 'hubfront.ts');
const TRACKING_ENTRY = join(FOLDER, 'tracking.ts');
/** The oldest supported browsers: Chrome 85, Firefox 79 and Safari 14, all of 2020. */
export const BROWSERS = 'es2021';

/** The global that the classic script defines: `hubfront`, with `hubfront.createHubfront`. */
const CLASSIC_ENTRY = `import { createHubfront } from './hubfront'; globalThis.hubfront = { createHubfront };`;

const TAG_ENTRY = `import { runTag } from './tag'; runTag(globalThis);`;

/**
 * Builds `clients/web/dist`: `hubfront.mjs` for bundlers and module scripts, `hubfront.js` for a classic script
 * (`hubfront.createHubfront`), `tracking.mjs` beside the first, `tag.js` with all of it for the loader snippet, and types.
 *
 * @throws when it does not compile
 */
export async function buildWebClient(): Promise<void> {
  await mkdir(DIST, { recursive: true });
  await Promise.all([
    writeScript('hubfront.mjs', `export * from './hubfront';`, 'esm'),
    writeScript('hubfront.js', CLASSIC_ENTRY, 'iife'),
    writeScript('tracking.mjs', `export * from './tracking';`, 'esm'),
    writeScript('tag.js', TAG_ENTRY, 'iife'),
    writeTypes(),
  ]);
}

/** esbuild bundles, and terser minifies. Compared with esbuild alone, this saves 5% of the download. */
async function writeScript(name: string, entry: string, format: 'esm' | 'iife'): Promise<void> {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: FOLDER, loader: 'ts' },
    outfile: join(DIST, name),
    bundle: true,
    minifySyntax: true,
    write: false,
    sourcemap: 'external',
    target: BROWSERS,
    format,
  });
  const textOf = (ending: string): string =>
    outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  const { code = '', map } = await minify(textOf(name), {
    module: true,
    ecma: 2020,
    // Statements that are not joined by commas repeat more, so gzip makes them smaller. A second pass would make the
    // script shorter, but not its gzipped form. No method is a constructor.
    compress: { sequences: false, unsafe_methods: true },
    sourceMap: { content: textOf('.map'), filename: name, url: `${name}.map` },
  });
  await Promise.all([writeWhole(name, code), writeWhole(`${name}.map`, map as string)]);
}

/** Writes the type declarations of the entries. The public types of `api.ts` are inlined into `hubfront.d.ts`. */
async function writeTypes(): Promise<void> {
  const { default: ts } = await import('typescript'); // loaded lazily, because it loads slowly and is only used here
  const { config } = ts.readConfigFile(join(FOLDER, 'tsconfig.json'), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, FOLDER);
  const program = ts.createProgram([WEB_CLIENT_ENTRY, TRACKING_ENTRY], {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
  });
  const declarations = new Map<string, string>();
  program.emit(undefined, (path, text) => declarations.set(basename(path), text));
  const entry = declarations.get('hubfront.d.ts')?.replace(/^.* from '\.\/api';\n/gm, '') ?? '';
  await writeWhole('hubfront.d.ts', `${declarations.get('api.d.ts') ?? ''}${entry}`);
  const tracking = declarations.get('tracking.d.ts') ?? '';
  await writeWhole('tracking.d.ts', tracking.replace("from './api'", "from './hubfront.js'"));
}

/** Renamed to its final name, so that a reader does not see a partial file. */
async function writeWhole(name: string, text: string): Promise<void> {
  const path = join(DIST, name);
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, text);
  await rename(unfinished, path);
}
