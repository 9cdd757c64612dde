import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { hasReadableBody } from './requestHead';
import type { RpcHttpCookie, RpcHttpResponse } from './workerProtocol';

/** How long Kestrel reads on after a response, to get the rest of the request out of the way. */
const DRAIN_MS = 5_000;

/** Responds with a status, and with a body if one is given, unless a response has begun. */
export function end(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): void {
  if (response.destroyed || response.headersSent) return;
  drain(response);
  // Kestrel counts no body in a response to HEAD.
  const length = response.req.method === 'HEAD' ? {} : { 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...length }).end(body);
}

/**
 * Responds with a status and closes the connection. A body that is still under way is read, so that the client gets the
 * response, unless it would only end with the connection.
 */
export function reject(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { ...headers, 'Content-Length': 0, Connection: 'close' });
  const { req: request } = response;
  if (request.complete || !hasReadableBody(request.headers['transfer-encoding'])) {
    response.end();
    return;
  }
  response.flushHeaders();
  const finish = (): void => {
    clearTimeout(limit);
    response.end();
  };
  const limit = setTimeout(finish, DRAIN_MS);
  request
    .on('error', () => undefined)
    .once('close', finish)
    .once('end', finish)
    .resume();
}

/** Gives up the connection when the rest of the request takes too long to arrive. */
function drain(response: ServerResponse): void {
  const { req: request } = response;
  response.once('finish', () => {
    if (request.complete) return;
    const limit = setTimeout(() => request.destroy(), DRAIN_MS);
    request
      .on('error', () => undefined)
      .once('close', () => {
        clearTimeout(limit);
      });
  });
}

/** Statuses whose responses have no body. */
const BODILESS = [204, 205, 304];

/**
 * Writes what a function returned. As on the real host, a body is chunked unless the function gave its length, and
 * nothing returned is 204.
 *
 * @throws Error when the function's response cannot be sent
 */
export function writeResponse(response: ServerResponse, returned: RpcHttpResponse | undefined): void {
  if (response.headersSent || response.destroyed) return;
  drain(response);
  if (!returned) {
    response.writeHead(204).end();
    return;
  }
  const status = Number(returned.statusCode ?? 200);
  response.statusCode = status;
  for (const [name, value] of Object.entries(returned.headers ?? {})) {
    // This host frames the body itself: with the function's header, no client could read it.
    if (name.toLowerCase() !== 'transfer-encoding') response.setHeader(name, asciiOnly(name, value));
  }
  if (returned.cookies?.length) response.setHeader('Set-Cookie', returned.cookies.map(cookieHeader));
  if (BODILESS.includes(status)) {
    if (status === 205) response.setHeader('Content-Length', 0);
    response.end();
    return;
  }
  const { stream, bytes, string, json } = returned.body ?? {};
  const body = stream ? undefined : (bytes ?? Buffer.from(string ?? json ?? ''));
  const length = stream?.length ?? body?.length ?? 0;
  const declared = response.getHeader('Content-Length');
  if (declared !== undefined && Number(declared) !== length) {
    response.destroy();
    throw new Error(`Its Content-Length is ${String(declared)}, but its body has ${length} bytes`);
  }
  const { method, httpVersion } = response.req;
  if (length === 0) response.setHeader('Content-Length', 0);
  else if (declared === undefined && method !== 'HEAD' && httpVersion === '1.1')
    response.setHeader('Transfer-Encoding', 'chunked');
  // A stream that ends too early ends the connection, which tells the client that the body is incomplete.
  if (stream) pipeline(stream.body, response, () => undefined);
  else response.end(body);
}

/** @throws Error for a value that Kestrel does not send */
function asciiOnly(name: string, value: string): string {
  if (/^[\t\x20-\x7e]*$/.test(value)) return value;
  throw new Error(`Its header ${name} has characters outside ASCII`);
}

/** To the worker, `none` stands for "not set". */
const SAME_SITE: Readonly<Record<string, string>> = {
  lax: 'samesite=lax',
  strict: 'samesite=strict',
  explicitNone: 'samesite=none',
};

/** As ASP.NET Core writes it; the real host ignores `expires`. */
function cookieHeader(cookie: RpcHttpCookie): string {
  const { name, value, path, domain, maxAge, secure, httpOnly, sameSite } = cookie;
  return [
    `${encodeRfc3986(name)}=${encodeRfc3986(value)}`,
    maxAge && `max-age=${maxAge.value}`,
    domain && `domain=${domain.value}`,
    `path=${path?.value ?? '/'}`,
    secure?.value && 'secure',
    typeof sameSite === 'string' && SAME_SITE[sameSite],
    httpOnly?.value && 'httponly',
  ]
    .filter(Boolean)
    .join('; ');
}

function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
