/** Bundles the pages of the demo shop. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BROWSERS } from '../buildWebClient';
import type { Offer } from './catalogue';

const FOLDER = join(__dirname, 'page');

/** Configuration that the HTML contains for the script. */
export interface PageContent {
  /** of the functions, `http://localhost:7071/api` */
  endpoint: string;
  /** URL of the dashboard; empty without one */
  dashboard: string;
  offers: readonly Offer[];
}

/** Files that the shop's server sends to browsers. */
export interface Page {
  html: (content: PageContent) => string;
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
    html: ({ endpoint, dashboard, offers }) =>
      html
        .replace('{{endpoint}}', endpoint)
        .replace('{{dashboard}}', dashboard)
        .replace('{{offers}}', () => JSON.stringify(offers).replaceAll('<', '\\u003c')),
    files: {
      '/shop.css': { type: 'text/css', content: css },
      '/shop.js': { type: 'text/javascript', content: script.outputFiles[0]?.text ?? '' },
    },
  };
}
