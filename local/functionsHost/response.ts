import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { hasReadableBody } from './requestHead';
import type { RpcHttpCookie, RpcHttpResponse } from './workerProtocol';

/** How long Kestrel reads the rest of a request after the response. */
const DRAIN_MS = 5_000;

/** Responds with a status and an optional body, unless a response has already started. */
export function end(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): void {
  if (response.destroyed || response.headersSent) return;
  drain(response);
  // Kestrel sends no Content-Length in a response to HEAD.
  const length = response.req.method === 'HEAD' ? {} : { 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...length }).end(body);
}

/**
 * Responds with a status and closes the connection. If the request body is still arriving, it is read for a limited
 * time first, so that the client gets the response.
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

/** Closes the connection if the rest of the request takes too long. */
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
 * Writes the response of a function. As on the real host, a body is chunked unless the function set its length, and a
 * function without a result gives 204.
 *
 * @throws Error if the function's response cannot be sent
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
    // This host frames the body itself. With the header of the function, clients could not read the body.
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
  // If the stream ends too early, the connection is closed, so that the client detects the incomplete body.
  if (stream) pipeline(stream.body, response, () => undefined);
  else response.end(body);
}

/** @throws Error for a value that Kestrel does not send */
function asciiOnly(name: string, value: string): string {
  if (/^[\t\x20-\x7e]*$/.test(value)) return value;
  throw new Error(`Its header ${name} has characters outside ASCII`);
}

/** The worker uses `none` for "not set". */
const SAME_SITE: Readonly<Record<string, string>> = {
  lax: 'samesite=lax',
  strict: 'samesite=strict',
  explicitNone: 'samesite=none',
};

/** The form of ASP.NET Core. The real host ignores `expires`. */
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
