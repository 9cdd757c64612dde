import { readFile } from 'node:fs/promises';
import { type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Running } from '../lifecycle';
import { serveReport } from './report';
import type { View } from './view';

const PAGE_FOLDER = join(__dirname, 'page');
/** How often the page hears of what has changed, */
const VIEW_EVERY_MS = 500;
/** and, where reading takes long, twice as long after it, so that it leaves time to the query; but within this. */
const VIEW_WITHIN_MS = 1_000;
/** An idle stream says so, since proxies and browsers give up silent ones. */
const HEARTBEAT_MS = 15_000;

export interface DashboardServer extends Running {
  url: string;
}

/**
 * Serves the dashboard on the loopback interface: the page, and what it shows as server-sent events.
 *
 * @throws Node's listen error when the port is taken
 */
export async function startDashboardServer(
  port: number,
  view: () => Promise<View>,
): Promise<DashboardServer> {
  const [html, css, script] = await Promise.all([
    readFile(join(PAGE_FOLDER, 'index.html'), 'utf8'),
    readFile(join(PAGE_FOLDER, 'dashboard.css'), 'utf8'),
    bundlePage(),
  ]);
  const files: Readonly<Record<string, { type: string; text: string }>> = {
    '/': { type: 'text/html', text: html },
    '/dashboard.css': { type: 'text/css', text: css },
    '/dashboard.js': { type: 'text/javascript', text: script },
  };
  const streams = new Set<ServerResponse>();
  let last = '';
  let closed = false;

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = files[pathname];
    // A page of another origin that resolves its own name to this address must not read along.
    if (!/^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(request.headers.host ?? '')) end(response, 403);
    else if (request.method !== 'GET') end(response, 405);
    else if (pathname === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write(`retry: 1000\n${last}\n`);
      streams.add(response);
      response.on('close', () => streams.delete(response));
    } else if (file) {
      response.writeHead(200, {
        'content-type': `${file.type}; charset=utf-8`,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      });
      response.end(file.text);
    } else if (pathname.startsWith('/report/')) void serveReport(pathname, response);
    else end(response, 404);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });

  async function tellView(): Promise<void> {
    if (streams.size === 0) return;
    last = `event: view\ndata: ${JSON.stringify(await view())}\n`;
    for (const stream of streams) stream.write(`${last}\n`);
  }
  let refresh: NodeJS.Timeout;
  const refreshAfter = (ms: number): void => {
    refresh = setTimeout(() => {
      const start = performance.now();
      void tellView()
        .catch(() => undefined) // the next one reads again; the job tells its own failures
        .then(() => {
          const took = performance.now() - start;
          if (!closed) refreshAfter(Math.max(VIEW_EVERY_MS, Math.min(2 * took, VIEW_WITHIN_MS)));
        });
    }, ms);
  };
  refreshAfter(0);
  const heartbeat = setInterval(() => {
    for (const stream of streams) stream.write(': still here\n\n');
  }, HEARTBEAT_MS);

  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        closed = true;
        clearTimeout(refresh);
        clearInterval(heartbeat);
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
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
  return outputFiles[0]?.text ?? '';
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status).end();
}
