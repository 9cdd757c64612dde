import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { RpcHttpCookie, RpcHttpResponse } from './workerProtocol';

/** Writes what a function returned; nothing returned is 204, as on the real host. */
export function writeResponse(response: ServerResponse, answer: RpcHttpResponse | undefined): void {
  if (response.headersSent || response.destroyed) return;
  if (!answer) {
    response.writeHead(204).end();
    return;
  }
  const status = Number(answer.statusCode ?? 200);
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    if (name.toLowerCase() !== 'content-length') response.setHeader(name, value);
  }
  if (answer.cookies?.length) response.setHeader('Set-Cookie', answer.cookies.map(cookieHeader));
  if (status === 204 || status === 304) {
    response.writeHead(status).end();
    return;
  }
  const { stream, bytes, string, json } = answer.body ?? {};
  if (stream) {
    response.writeHead(status, { 'Content-Length': stream.length });
    // What ends too early ends the connection: the length said before tells the client.
    pipeline(stream.body, response, () => undefined);
    return;
  }
  const body = bytes ?? Buffer.from(string ?? json ?? '');
  response.writeHead(status, { 'Content-Length': body.length }).end(body);
}

/** To the worker, `none` stands for "not said". */
const SAME_SITE: Readonly<Record<string, string>> = {
  lax: 'SameSite=Lax',
  strict: 'SameSite=Strict',
  explicitNone: 'SameSite=None',
};

function cookieHeader({
  name,
  value,
  path,
  domain,
  maxAge,
  secure,
  httpOnly,
  sameSite,
}: RpcHttpCookie): string {
  return [
    `${name}=${encodeURIComponent(value)}`,
    path && `Path=${path.value}`,
    domain && `Domain=${domain.value}`,
    maxAge && `Max-Age=${maxAge.value}`,
    secure?.value && 'Secure',
    httpOnly?.value && 'HttpOnly',
    typeof sameSite === 'string' && SAME_SITE[sameSite],
  ]
    .filter(Boolean)
    .join('; ');
}
