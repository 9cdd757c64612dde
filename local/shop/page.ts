/** Bundles the pages of the demo shop. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BROWSERS } from '../buildWebClient';

const FOLDER = join(__dirname, 'page');

/** The files that the shop's server sends to browsers. */
export interface Page {
  /** @param endpoint of the functions, `http://localhost:7071/api` */
  html: (endpoint: string) => string;
  files: Readonly<Record<string, { type: string; content: string }>>;
}

/**
 * Bundles the page's script, which includes the web client.
 *
 * @throws if it does not compile; esbuild prints the reason
 */
export async function loadPage(): Promise<Page> {
  const [html, css, script] = await Promise.all([
    readFile(join(FOLDER, 'index.html'), 'utf8'),
    readFile(join(FOLDER, 'shop.css'), 'utf8'),
    build({
      entryPoints: [join(FOLDER, 'main.ts')],
      bundle: true,
      write: false,
      format: 'esm',
      target: BROWSERS,
      sourcemap: 'inline',
      logLevel: 'warning',
    }),
  ]);
  return {
    html: (endpoint) => html.replace('{{endpoint}}', endpoint),
    files: {
      '/shop.css': { type: 'text/css', content: css },
      '/shop.js': { type: 'text/javascript', content: script.outputFiles[0]?.text ?? '' },
    },
  };
}
