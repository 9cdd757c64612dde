/** A web server for local pages: host check, security headers, start and shutdown. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type HttpBindings, getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { hostRejection } from '../../emulator/httpsServer/allowedHosts';
import { configuredHosts } from '../allowedHosts';
import type { Running } from '../lifecycle';

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
 * A router for pages on this machine. It rejects requests for host names that are not local (421), and sends each
 * response with security headers and `Cache-Control: no-store`. An error of a handler becomes a 500 without details.
 *
 * @param policy sources that pages may load from; everything else is blocked
 */
export function createWebApp(policy: Policy): WebApp {
  const app = new Hono<WebEnvironment>();
  const hosts = configuredHosts();
  app.use(async (context, next) => {
    const rejection = hostRejection(context.env.incoming, hosts);
    if (rejection === 421)
      return context.text(
        'This server has another host name. HUBFRONT_ALLOWED_HOSTS adds allowed names.',
        421,
      );
    if (rejection !== undefined)
      return context.text('The request needs one Host header and a target with the same host', rejection);
    context.header('Cache-Control', 'no-store');
    await next();
    return undefined;
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

/** Listens on the loopback interface. @throws Node's listen error when the port is in use */
export async function startWebServer(app: WebApp, port: number): Promise<WebServer> {
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
    errorHandler: () => new Response('Bad request', { status: 400 }),
  });
  const server = createServer((request, response) => void listener(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
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
