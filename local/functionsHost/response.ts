import type { ServerResponse } from 'node:http';
import type { RpcHttpCookie, RpcHttpResponse } from './workerProtocol';

/** Writes what a function returned; nothing returned is 204, as on the real host. */
export function writeResponse(response: ServerResponse, answer: RpcHttpResponse | undefined): void {
  if (response.headersSent || response.destroyed) return;
  if (!answer) {
    response.writeHead(204).end();
    return;
  }
  const status = Number(answer.statusCode ?? 200);
  const parts = bodyOf(answer);
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    if (name.toLowerCase() !== 'content-length') response.setHeader(name, value);
  }
  if (answer.cookies?.length) response.setHeader('Set-Cookie', answer.cookies.map(cookieHeader));
  if (status === 204 || status === 304) {
    response.writeHead(status).end();
    return;
  }
  response.setHeader(
    'Content-Length',
    parts.reduce((bytes, part) => bytes + part.length, 0),
  );
  response.writeHead(status);
  for (const part of parts) response.write(part);
  response.end();
}

function bodyOf({ body }: RpcHttpResponse): readonly Uint8Array[] {
  return body?.parts ?? [body?.bytes ?? Buffer.from(body?.string ?? body?.json ?? '')];
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
