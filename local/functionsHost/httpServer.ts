import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isAllowedHost, isCrossOrigin } from '../allowedHosts';
import { type FunctionKeys, isAdmin, isAuthorized } from './functionKeys';
import { type HttpRoute, matchRoute } from './routes';
import { writeResponse } from './response';
import type { RpcHttpResponse, TriggerData } from './workerProtocol';

/** The Functions host: 100 MB (`MaxRequestBodySize`, 104,857,600 bytes); beyond it, 500 with an empty body. */
const MAX_BODY_BYTES = 104_857_600;
const NO_BODY = Buffer.alloc(0);
/** Azure refuses a URL above 8 KB itself (414); here the app gets to say what is wrong with it. */
const MAX_HEAD_BYTES = 2 * 1024 * 1024;
/** Azure's load balancer ends an HTTP request that has had no answer for 230 s. */
const RESPONSE_LIMIT_MS = 230_000;

export interface HttpServerOptions {
  port: number;
  keys: FunctionKeys;
  /** undefined while the app could not be loaded */
  routes: () => readonly HttpRoute[] | undefined;
  invoke: (functionId: string, data: TriggerData) => Promise<RpcHttpResponse | undefined>;
  /** runs a function that has no HTTP trigger, by `POST /admin/functions/<name>` */
  runOnDemand: (name: string) => boolean;
  log: (line: string) => void;
}

/** Serves the app's HTTP functions on the loopback interface. @throws Node's listen error, with `code` and `port` */
export async function startHttpServer(
  options: HttpServerOptions,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer(
    { keepAliveTimeout: 65_000, maxHeaderSize: MAX_HEAD_BYTES },
    (request, response) => {
      response.on('error', () => undefined); // a client that is gone
      handle(request, response, options).catch((error: unknown) => {
        options.log(`The host failed: ${(error as Error).message}`);
        end(response, 500);
      });
    },
  );
  await listen(server, options.port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
): Promise<void> {
  const { keys, routes, invoke, log } = options;
  const method = request.method ?? 'GET';
  if (!isAllowedHost(request.headers.host)) {
    end(response, 421);
    return;
  }
  const url = urlOf(request);
  if (!url) {
    end(response, 400);
    return;
  }
  const key = keyOf(request, url);
  const admin = /^\/admin\/functions\/([\w-]+)$/.exec(url.pathname);
  if (admin?.[1] && method === 'POST') {
    if (isCrossOrigin(request.headers)) end(response, 403);
    else if (!isAdmin(key, keys)) end(response, 401);
    else end(response, options.runOnDemand(admin[1]) ? 202 : 404);
    return;
  }
  const known = routes();
  if (!known) {
    response.writeHead(503, { 'Content-Type': 'text/plain' }).end('Function host is not running.');
    return;
  }
  const match = matchRoute(known, method, url.pathname);
  if (!match) {
    end(response, 404);
    return;
  }
  if (!isAuthorized(match.route, key, keys)) {
    end(response, 401);
    return;
  }
  const body = await readBody(request);
  if (body === undefined) {
    end(response, 500);
    return;
  }
  const limit = setTimeout(() => {
    end(response, 502);
  }, RESPONSE_LIMIT_MS);
  try {
    const answer = await invoke(match.route.functionId, {
      http: {
        method,
        url: url.href,
        nullableHeaders: nullable(headersOf(request)),
        nullableQuery: nullable(queryOf(url)),
        nullableParams: nullable(match.params),
        ...(body.length > 0 && method !== 'GET' && method !== 'HEAD' && { body: { bytes: body } }),
      },
    });
    writeResponse(response, answer);
  } catch (error) {
    log(`[${match.route.name}] failed: ${(error as Error).message}`);
    end(response, 500);
  } finally {
    clearTimeout(limit);
  }
}

/**
 * The body as the worker gets it. As on the real host with HTTP streaming off, a chunked one arrives empty; `undefined`
 * stands for one that is over the limit.
 */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const length = Number(request.headers['content-length'] ?? 0);
  if (length > MAX_BODY_BYTES) return undefined;
  const chunked = request.headers['transfer-encoding'] !== undefined;
  if (length === 0 && !chunked) return NO_BODY;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) return undefined;
      if (!chunked) chunks.push(chunk);
    }
  } catch {
    return NO_BODY; // the client went away while sending
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/** Undefined where the request line or `Host` make no URL; Azure's front ends refuse those before the host. */
function urlOf(request: IncomingMessage): URL | undefined {
  const { host = 'localhost' } = request.headers;
  const path = request.url ?? '/';
  const url = `http://${host}${path}`;
  return HOST.test(host) && path.startsWith('/') && URL.canParse(url) ? new URL(url) : undefined;
}

/** `x-functions-key` wins over `?code=`, whose name is compared without case, as in Azure. */
function keyOf(request: IncomingMessage, { searchParams }: URL): string | undefined {
  const header = request.headers['x-functions-key'];
  const named = [...searchParams].find(([name]) => name.toLowerCase() === 'code');
  return (Array.isArray(header) ? header[0] : header) ?? named?.[1];
}

function headersOf(request: IncomingMessage): [string, string][] {
  return Object.entries(request.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
}

function queryOf({ searchParams }: URL): [string, string][] {
  return [...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name).join(',')]);
}

function nullable(entries: [string, string][] | Record<string, string>): Record<string, { value: string }> {
  const pairs = Array.isArray(entries) ? entries : Object.entries(entries);
  return Object.fromEntries(pairs.map(([name, value]) => [name, { value }]));
}

/** The host's own answers have no body. */
function end(response: ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status, { 'Content-Length': 0 });
  response.end();
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
}
