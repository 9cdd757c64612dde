/** Serves the dashboard page and its live views. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build, stop as stopEsbuild } from 'esbuild';
import { type WebServer, createEventStreams, createWebApp, startWebServer } from '../webServer';
import { addReportRoutes } from './report';
import type { View } from './view';

const PAGE_FOLDER = join(__dirname, 'page');
/** Interval of updates to the page. */
const VIEW_EVERY_MS = 500;
/**
 * Upper limit of the pause between updates. If reading a view takes long, the pause is twice as long as the reading,
 * so that the query gets CPU time.
 */
const VIEW_WITHIN_MS = 1_000;

/**
 * Serves the dashboard on the loopback interface: the page, and its views as server-sent events.
 *
 * @throws Node's listen error if the port is in use
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

  /** Reads views as long as a page is open. */
  async function refresh(): Promise<void> {
    if (refreshing) return;
    refreshing = true;
    while (active) {
      const start = performance.now();
      await readView().catch(() => undefined); // the next iteration reads again; the job reports its own failures
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
  await stopEsbuild(); // stops esbuild's process, which would otherwise run as long as this one
  return outputFiles[0]?.text ?? '';
}
