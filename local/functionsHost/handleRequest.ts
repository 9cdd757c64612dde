import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAllowedHost } from '../../emulator/httpsServer/allowedHosts';
import { type AdminOptions, isAdminPath, serveAdmin } from './adminApi';
import { isAdmin, isAuthorized } from './functionKeys';
import type { BodyResult, ReadBody } from './requestBody';
import { type RequestHead, readHead } from './requestHead';
import { firstParameter, forwardedScheme, parseQuery, urlOf } from './requestTarget';
import { end, reject, writeResponse } from './response';
import { type HttpRoute, type RouteMatch, matchRoute } from './routes';
import type { RpcHttpRequest, RpcHttpResponse, TriggerData } from './workerProtocol';

/** Azure's load balancer ends an HTTP request that has no response after 230 s. */
const RESPONSE_LIMIT_MS = 230_000;
const NO_BODY = { bytes: Buffer.alloc(0), release: (): void => undefined };

/** A page that the host serves in addition to the functions. */
export interface HostPage {
  contentType: string;
  read: () => Promise<string | Buffer>;
}

export interface RequestOptions extends AdminOptions {
  /** host names that are allowed in addition to the local ones */
  allowedHosts: readonly string[];
  readBody: ReadBody;
  /** resolves with the app's routes when it is loaded; undefined if it could not be loaded */
  routes: () => Promise<readonly HttpRoute[] | undefined>;
  /** additional pages, by path */
  pages: Readonly<Record<string, HostPage>>;
  /** the page at `/` */
  homepage: (routes: readonly HttpRoute[] | undefined) => Promise<string>;
  invoke: (functionId: string, data: TriggerData) => Promise<RpcHttpResponse | undefined>;
  log: (line: string) => void;
}

/** Processes a request in the stages of the real host: web server, host check, admin endpoints, routes, keys, body. */
export async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: RequestOptions,
): Promise<void> {
  const head = readHead(request);
  if ('status' in head) {
    reject(response, head.status, head.allow === undefined ? {} : { Allow: head.allow });
    return;
  }
  if (!isAllowedHost(head.host, options.allowedHosts)) {
    reject(response, 421);
    return;
  }
  const { path } = head.target;
  const query = parseQuery(head.target.query);
  const key = head.functionsKey ?? firstParameter(head.target.query, 'code');
  const readBody = (): Promise<BodyResult> => {
    if (head.headers.get('expect')?.toLowerCase() === '100-continue') response.writeContinue();
    return options.readBody(request);
  };
  if (path === undefined) {
    end(response, 404);
  } else if (isAdminPath(path)) {
    const result = await serveAdmin({ head, path, key, readBody }, options);
    if (result?.closes) reject(response, result.status);
    else if (result) end(response, result.status, result.headers);
  } else if (path === '/') {
    const routes = await options.routes();
    const page = await options.homepage(routes);
    end(response, routes ? 200 : 503, { 'Content-Type': 'text/html; charset=utf-8' }, page);
  } else if (/^(?:GET|HEAD)$/.test(head.method) && Object.hasOwn(options.pages, path)) {
    const page = options.pages[path];
    if (page) end(response, 200, { 'Content-Type': page.contentType }, await page.read());
  } else {
    const routes = await options.routes();
    const match = routes && matchRoute(routes, head.method, path);
    if (!routes) end(response, 503, { 'Content-Type': 'text/plain' }, 'Function host is not running.');
    else if (!match) end(response, 404);
    else if (!isAuthorized(match.route, key, options.keys)) end(response, 401);
    else if (match.route.isDisabled && !isAdmin(key, options.keys)) end(response, 404);
    else await runFunction(response, { head, query, match, readBody }, options);
  }
}

interface FunctionCall {
  head: RequestHead;
  query: ReadonlyMap<string, string>;
  match: RouteMatch;
  readBody: () => Promise<BodyResult>;
}

async function runFunction(
  response: ServerResponse,
  { head, query, match: { route, params }, readBody }: FunctionCall,
  { invoke, log }: RequestOptions,
): Promise<void> {
  const scheme = forwardedScheme(head.forwardedProto, head.host);
  if (!scheme) {
    end(response, 500);
    return;
  }
  // As on the real host with HTTP streaming off, a function gets an empty body if the request is chunked.
  const body = head.headers.has('content-length') ? await readBody() : NO_BODY;
  if (!body) return;
  if ('status' in body) {
    reject(response, body.status);
    return;
  }
  const limit = setTimeout(() => {
    end(response, 502);
  }, RESPONSE_LIMIT_MS);
  try {
    const url = urlOf(scheme, head.host, head.target);
    const http = rpcRequestOf(head, url, query, params, body.bytes);
    writeResponse(response, await invoke(route.functionId, { http }));
  } catch (error) {
    // The worker's message contains the stack after its first line.
    log(`[${route.name}] failed: ${(error as Error).message.split('\n')[0]}`);
    end(response, 500);
  } finally {
    clearTimeout(limit);
    body.release();
  }
}

function rpcRequestOf(
  { method, headers }: RequestHead,
  url: string,
  query: ReadonlyMap<string, string>,
  params: Readonly<Record<string, string>>,
  bytes: Buffer,
): RpcHttpRequest {
  return {
    method,
    url,
    nullableHeaders: nullable(headers),
    nullableQuery: nullable(query),
    nullableParams: nullable(Object.entries(params)),
    ...(bytes.length > 0 && method !== 'GET' && method !== 'HEAD' && { body: { bytes } }),
  };
}

/** The real worker's objects lose a member `__proto__`, too. */
function nullable(entries: Iterable<readonly [string, string]>): Record<string, { value: string }> {
  return Object.fromEntries(
    [...entries].flatMap(([name, value]) => (name === '__proto__' ? [] : [[name, { value }]])),
  );
}
