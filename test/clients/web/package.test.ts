import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserProgram } from '../browser';
import { DEVICE, startFixture } from './fixture';

/** Largest download of each file in KB (1,024 bytes), gzipped; docs/web.md states these sizes. */
const MAX_GZIPPED_KB = { 'hubfront.mjs': 5, 'hubfront.js': 5, 'tracking.mjs': 1.3, 'tag.js': 6 };
const run = promisify(execFile);

/** An empty folder in which nothing but the packed client is installed. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-web-'));
  // `npm test` has built it: packing must not build it once more while other tests read it.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: 'clients/web' });
  const [archive = ''] = await readdir(folder);
  await writeFile(join(folder, 'package.json'), '{"name": "site", "private": true}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${archive}`], { cwd: folder });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const installed = (file: string) => join(folder, 'node_modules', 'hubfront-web', file);

describe('the packed web client, in an empty folder', () => {
  test.each(Object.entries(MAX_GZIPPED_KB))('%s is %d KB gzipped at most', async (file, kilobytes) => {
    const built = await readFile(installed(`dist/${file}`));
    expect(gzipSync(built, { level: 9 }).length).toBeLessThanOrEqual(kilobytes * 1024);
  });

  test('has the sizes that its documentation states', async () => {
    const page = await readFile('docs/web.md', 'utf8');
    expect(page).toContain(
      'The client is 5 KB gzipped. Tracking is a separate file of 1.3 KB, and `tag.js` has both in 6 KB.',
    );
  });

  test('contains only what it needs', async () => {
    expect((await readdir(installed('.'))).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
    expect((await readdir(installed('dist'))).sort()).toEqual(
      [
        ...['hubfront.d.ts', 'hubfront.js', 'hubfront.js.map', 'hubfront.mjs', 'hubfront.mjs.map'],
        ...['tag.js', 'tag.js.map', 'tracking.d.ts', 'tracking.mjs', 'tracking.mjs.map'],
      ].sort(),
    );
    expect(await readFile(installed('README.md'), 'utf8')).not.toContain('](..');
  });

  test('can be imported and required by Node', async () => {
    const use = `createHubfront(${JSON.stringify({ endpoint: 'https://app.example/api', ...DEVICE })}).track({});`;
    const scripts = [
      ['site.mjs', `import { createHubfront } from 'hubfront-web'; ${use}`],
      ['site.cjs', `const { createHubfront } = require('hubfront-web'); ${use}`],
    ] as const;
    for (const [name, script] of scripts) {
      await writeFile(join(folder, name), script);
      await run(process.execPath, ['--no-warnings', name], { cwd: folder });
    }
  });

  test('has types that do not depend on the repository', { tags: 'full' }, async () => {
    const types = await readFile(installed('dist/hubfront.d.ts'), 'utf8');
    expect(types).toContain('export declare function createHubfront(options: HubfrontOptions): Hubfront;');
    expect(types).not.toMatch(/^(import|export .* from)/m);
    await mkdir(join(folder, 'src'), { recursive: true });
    await writeFile(
      join(folder, 'src', 'site.ts'),
      `import { createHubfront, type MessageReport } from 'hubfront-web';
       import { startTracking } from 'hubfront-web/tracking';
       const hub = createHubfront({ endpoint: '/api', register: async (device) => device, batchSize: 5 });
       const id: string | undefined = hub.track({ a: 1 }, { properties: { b: 'c' } });
       startTracking(hub, { pageViews: true, beforeSend: (event) => event }).identify('user-1');
       hub.on('retry', ({ code, cause, status }: MessageReport) => console.log(id, code, cause, status));
       // @ts-expect-error: a device or register
       createHubfront({ endpoint: '/api' });`,
    );
    // What TypeScript itself brings needs no check.
    const flags = '--strict --noEmit --lib es2022,dom --skipDefaultLibCheck'.split(' ');
    for (const module of ['nodenext', 'bundler'] as const) {
      const moduleFlags =
        module === 'bundler' ? ['--module', 'esnext', '--moduleResolution', 'bundler'] : ['--module', module];
      const compiler = resolve('node_modules', 'typescript', 'bin', 'tsc');
      await run(process.execPath, [compiler, ...flags, ...moduleFlags, 'src/site.ts'], { cwd: folder });
    }
  });

  test.skipIf(!browserProgram)('sends from a page that was bundled with it', { tags: 'full' }, async () => {
    const fixture = await startFixture();
    try {
      await fixture.reset();
      const all = { endpoint: `${fixture.proxy.url}/api`, ...DEVICE };
      const { outputFiles } = await build({
        stdin: {
          contents: `import { createHubfront } from 'hubfront-web'; const hub = createHubfront(${JSON.stringify(all)}); hub.track('packed'); window.done = hub.flush();`,
          resolveDir: folder,
        },
        bundle: true,
        write: false,
        format: 'iife',
      });
      fixture.site.page = `<!doctype html><link rel="icon" href="data:,"><script>${outputFiles[0]?.text ?? ''}</script>`;
      const page = await fixture.openPage(await fixture.browser.newContext());
      await page.evaluate('window.done');
      expect((await fixture.arrived()).map(({ body }) => body.Data)).toEqual(['packed']);
    } finally {
      await fixture.close();
    }
  });
});
