import { readFile } from 'node:fs/promises';
import { type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Running } from '../lifecycle';

const PAGE_FOLDER = join(__dirname, 'page');

const FILES: Readonly<Record<string, { file: string; type: string }>> = {
  '/': { file: 'index.html', type: 'text/html' },
  '/shop.css': { file: 'shop.css', type: 'text/css' },
  '/shop.js': { file: 'shop.js', type: 'text/javascript' },
};

export interface Shop extends Running {
  /** `http://localhost:<port>` */
  origin: string;
  /** Tells the page where the functions are. */
  setApi: (url: string) => void;
}

/**
 * Serves the demo shop on an origin of its own, so that what it sends to the functions is cross-origin.
 *
 * @throws Node's listen error when the port is taken
 */
export async function startShop({ port, functionKey }: { port: number; functionKey: string }): Promise<Shop> {
  let api = '';
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/config.json') {
      answer(response, 200, 'application/json', JSON.stringify({ api, functionKey }), api);
      return;
    }
    const known = FILES[pathname];
    if (!known) {
      answer(response, 404, 'text/plain', 'Not found', api);
      return;
    }
    readFile(join(PAGE_FOLDER, known.file)).then(
      (content) => {
        answer(response, 200, known.type, content, api);
      },
      () => {
        answer(response, 500, 'text/plain', 'The page could not be read', api);
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    setApi: (url) => {
      api = url;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function answer(
  response: ServerResponse,
  status: number,
  type: string,
  content: string | Buffer,
  api: string,
): void {
  response
    .writeHead(status, {
      'Content-Type': `${type}; charset=utf-8`,
      'Content-Security-Policy': `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ${api}; img-src data:; base-uri 'none'; form-action 'none'`,
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
    })
    .end(content);
}
