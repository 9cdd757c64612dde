import type { AddressInfo } from 'node:net';
import { type ServerResponse, createServer } from 'node:http';
import type { Running } from '../lifecycle';
import { createLiveFeed } from './liveFeed';
import { loadPage } from './page';
import { registerVisitor } from './visitors';

export interface ShopOptions {
  /** 0: any free one */
  port: number;
  /** of the functions; it stays on this server */
  functionKey: string;
}

export interface Shop extends Running {
  /** `http://localhost:<port>` */
  origin: string;
  /** Tells the shop where the functions are: `http://localhost:7071`. */
  setApi: (url: string) => void;
}

/** Pages that the page's own script draws. */
const PAGE_PATHS = /^\/(?:cart|products\/[\w-]+)?$/;

/**
 * Serves the demo shop on an origin of its own, so that what its pages send to the functions is cross-origin.
 *
 * @throws Node's listen error when the port is taken
 */
export async function startShop({ port, functionKey }: ShopOptions): Promise<Shop> {
  const page = await loadPage();
  let api = '';
  const liveFeed = createLiveFeed(() => `${api}/api/message_feed`, functionKey);

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const asked = `${request.method ?? ''} ${pathname}`;
    setSecurityHeaders(response, api);
    if (asked === 'POST /visitors') {
      void registerVisitor(request, response, { url: `${api}/api/devices`, functionKey, origin: origin() });
    } else if (asked === 'GET /live') {
      liveFeed.subscribe(response);
    } else if (request.method === 'GET' && PAGE_PATHS.test(pathname)) {
      answer(response, 200, 'text/html', page.html(`${api}/api`));
    } else {
      const file = request.method === 'GET' ? page.files[pathname] : undefined;
      if (file) answer(response, 200, file.type, file.content);
      else answer(response, 404, 'text/plain', 'Not found');
    }
  });
  const origin = (): string => `http://localhost:${(server.address() as AddressInfo).port}`;

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return {
    origin: origin(),
    setApi: (url) => {
      api = url;
    },
    close: () =>
      new Promise((resolve) => {
        liveFeed.close();
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function setSecurityHeaders(response: ServerResponse, api: string): void {
  const policy = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'connect-src': `'self' ${api}`,
    'img-src': 'data:',
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  };
  const csp = Object.entries(policy).map((directive) => directive.join(' '));
  response.setHeader('Content-Security-Policy', csp.join('; '));
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
}

function answer(response: ServerResponse, status: number, type: string, content: string): void {
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` }).end(content);
}
