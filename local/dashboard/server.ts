/** The dashboard's web server. */

import { readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { build, stop as stopEsbuild } from 'esbuild';
import { stream } from 'hono/streaming';
import type { Job } from '../../analytics/job';
import { textOf } from '../../analytics/query';
import { pictureFile } from '../shop/drawings';
import { type WebServer, createWebApp, startWebServer } from '../webServer';
import { createCsvExport } from './exportCsv';
import { type Filter, readFilter } from './filter';
import { addReportRoutes } from './report';
import type { View } from './view';
import { createViewStreams } from './viewStreams';

const PAGE_FOLDER = join(__dirname, 'page');

export interface DashboardOptions {
  /** 0: any free one; a server that already listens on it */
  port: number | Server;
  view: (filter: Filter) => Promise<View>;
  /** the job whose rows the export and the report show; if undefined, there is no export and no report */
  job?: Job;
  /** of the demo shop; empty without one */
  shopUrl: string;
}

/**
 * Serves the dashboard on the loopback interface: the page, and what it shows as server-sent events.
 *
 * @throws Node's listen error when the port is in use
 */
export async function startDashboardServer({
  port,
  view,
  job,
  shopUrl,
}: DashboardOptions): Promise<WebServer> {
  const files = await loadPage(shopUrl);
  const streams = createViewStreams(view);
  const app = createWebApp({
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
  });
  for (const [path, { type, text }] of Object.entries(files))
    app.get(path, (context) => context.body(text, 200, { 'Content-Type': `${type}; charset=utf-8` }));
  app.get('/events', (context) => streams.open(context, readFilter(context.req.query())));
  app.get('/pictures/:file{\\d+\\.svg}', (context) => {
    const picture = pictureFile(context.req.param('file').replace('.svg', ''));
    return context.body(picture, 200, { 'Content-Type': 'image/svg+xml' });
  });
  if (job) {
    const exportRows = createCsvExport(job);
    app.get('/events.csv', (context) => {
      context.header('Content-Type', 'text/csv; charset=utf-8');
      context.header('Content-Disposition', 'attachment; filename="events.csv"');
      if (context.req.method === 'HEAD') return context.body(null); // reads no rows
      const { outgoing } = context.env;
      return stream(
        context,
        async (output) => {
          for await (const text of exportRows(readFilter(context.req.query()))) {
            if (output.aborted) return;
            await output.write(text);
          }
        },
        (error) => {
          console.error(`dashboard: the export failed: ${textOf(error)}`);
          outgoing.destroy(); // otherwise the part that was sent would look like the whole export
          return Promise.resolve();
        },
      );
    });
    addReportRoutes(app, job);
  }
  return startWebServer(app, port);
}

async function loadPage(shopUrl: string): Promise<Record<string, { type: string; text: string }>> {
  const [html, css, script] = await Promise.all([
    readFile(join(PAGE_FOLDER, 'index.html'), 'utf8'),
    readFile(join(PAGE_FOLDER, 'dashboard.css'), 'utf8'),
    bundlePage(),
  ]);
  return {
    '/': { type: 'text/html', text: html.replace('{{shop}}', shopUrl) },
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
  await stopEsbuild(); // otherwise esbuild's process runs until this process ends
  return outputFiles[0]?.text ?? '';
}
