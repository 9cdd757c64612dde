/** Serves the dashboard page and its live views. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build, stop as stopEsbuild } from 'esbuild';
import { type WebServer, createEventStreams, createWebApp, startWebServer } from '../webServer';
import { addReportRoutes } from './report';
import type { View } from './view';

const PAGE_FOLDER = join(__dirname, 'page');
/** How often the page gets what has changed, */
const VIEW_EVERY_MS = 500;
/** and, where reading takes long, twice as long after it, so that it leaves time to the query; but within this. */
const VIEW_WITHIN_MS = 1_000;

/**
 * Serves the dashboard on the loopback interface: the page, and what it shows as server-sent events.
 *
 * @throws Node's listen error when the port is taken
 */
export async function startDashboardServer(port: number, view: () => Promise<View>): Promise<WebServer> {
  const files = await loadPage();
  let newest = { position: 0, text: '' };
  let active = false;
  let refreshing = false;

  const streams = createEventStreams((after) => (newest.position > after ? newest : undefined), {
    onActive: (isActive) => {
      active = isActive;
      void refresh();
    },
  });

  /** Reads view after view for as long as somebody looks. */
  async function refresh(): Promise<void> {
    if (refreshing) return;
    refreshing = true;
    while (active) {
      const start = performance.now();
      await readView().catch(() => undefined); // the next one reads again; the job reports its own failures
      const took = performance.now() - start;
      await delay(Math.max(VIEW_EVERY_MS, Math.min(2 * took, VIEW_WITHIN_MS)));
    }
    refreshing = false;
  }
  async function readView(): Promise<void> {
    const text = `event: view\ndata: ${JSON.stringify(await view())}\n\n`;
    newest = { position: newest.position + 1, text };
    streams.notify();
  }

  const app = createWebApp({
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
  });
  for (const [path, { type, text }] of Object.entries(files))
    app.get(path, (context) => context.body(text, 200, { 'Content-Type': `${type}; charset=utf-8` }));
  app.get('/events', (context) => streams.open(context, 'retry: 1000\n\n'));
  addReportRoutes(app);
  return startWebServer(app, port);
}

async function loadPage(): Promise<Record<string, { type: string; text: string }>> {
  const [html, css, script] = await Promise.all([
    readFile(join(PAGE_FOLDER, 'index.html'), 'utf8'),
    readFile(join(PAGE_FOLDER, 'dashboard.css'), 'utf8'),
    bundlePage(),
  ]);
  return {
    '/': { type: 'text/html', text: html },
    '/dashboard.css': { type: 'text/css', text: css },
    '/dashboard.js': { type: 'text/javascript', text: script },
  };
}

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    write: false,
    entryPoints: [join(PAGE_FOLDER, 'dashboard.ts')],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  });
  await stopEsbuild(); // its process would stay for as long as this one
  return outputFiles[0]?.text ?? '';
}
