import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isBuiltin } from 'node:module';
import { build } from 'esbuild';
import { APP_BUILD } from '../local/build';

/** A folder in node_modules, so that packages can be imported by their names. */
const FOLDER = 'node_modules/.cache/hubfront-bench';

/** Creates another app. @returns its folder */
export async function writeApp(name: string, source: string): Promise<string> {
  const folder = join(process.cwd(), FOLDER, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'host.json'), '{ "version": "2.0" }\n');
  await writeFile(join(folder, 'package.json'), '{ "main": "index.js" }\n');
  await writeFile(join(folder, 'index.js'), source);
  return folder;
}

/** An app that imports the same packages as our app, by their names and unbundled, as their manuals say. */
export async function unbundledPackages(): Promise<string> {
  const { metafile } = await build({
    ...APP_BUILD,
    entryPoints: ['src/app.ts'],
    plugins: [],
    packages: 'external',
    outdir: 'unwritten',
    write: false,
    metafile: true,
  });
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  const names = imported.flatMap((path) => {
    const name = /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? '';
    return /^(?:node:|\.)/.test(path) || isBuiltin(name) ? [] : [name];
  });
  return writeApp('unbundled', [...new Set(names)].map((name) => `require('${name}');\n`).join(''));
}

/** Our app as it is deployed, but with the code of all its parts run at load. */
export async function wholeApp(): Promise<string> {
  const folder = await writeApp('whole', '');
  await build({
    ...APP_BUILD,
    stdin: {
      contents: `import './app'; import './iothub/registry/devices'; import './iothub/telemetry/telemetry'; import './iothub/feed/feed';`,
      resolveDir: 'src',
    },
    outfile: join(folder, 'index.js'),
  });
  return folder;
}
