/** A web server for local pages: security headers, start and shutdown. */

import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { type HttpBindings, getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { Running } from '../lifecycle';
import { rejectForeignHosts } from './foreignHosts';

export interface WebEnvironment {
  Bindings: HttpBindings;
}
export type WebApp = Hono<WebEnvironment>;

export interface WebServer extends Running {
  port: number;
  /** `http://localhost:<port>` */
  url: string;
}

type Policy = NonNullable<NonNullable<Parameters<typeof secureHeaders>[0]>['contentSecurityPolicy']>;

/**
 * A router for pages on this machine. It sends each response with security headers and `Cache-Control: no-store`. An
 * error of a handler becomes a 500 without details.
 *
 * @param policy sources that pages may load from; everything else is blocked
 */
export function createWebApp(policy: Policy): WebApp {
  const app = new Hono<WebEnvironment>();
  app.use(async (context, next) => {
    context.header('Cache-Control', 'no-store');
    await next();
  });
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
        ...policy,
      },
      // Without a referrer, beacons would have the origin `null`. This server does not use HTTPS.
      referrerPolicy: 'strict-origin-when-cross-origin',
      strictTransportSecurity: false,
    }),
  );
  app.notFound((context) => context.text('Not found', 404));
  app.onError((_, context) => context.text('The server failed', 500));
  return app;
}

/**
 * Listens on the loopback interface, and rejects requests for host names that are not local.
 *
 * @param port a port, or a server that already listens on it
 * @throws Node's listen error when the port is in use
 */
export async function startWebServer(app: WebApp, port: number | Server): Promise<WebServer> {
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
    errorHandler: () => new Response('Bad request', { status: 400 }),
  });
  const server = createServer(rejectForeignHosts((request, response) => void listener(request, response)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof port === 'number') server.listen(port, '127.0.0.1', resolve);
    else server.listen(port, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return {
    port: actual,
    url: `http://localhost:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
