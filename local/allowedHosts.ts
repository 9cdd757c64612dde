import type { IncomingHttpHeaders } from 'node:http';

/**
 * The check that every local server makes before it serves a request. A page of any site can send requests to servers
 * on the loopback interface. Under a name of its own that resolves to 127.0.0.1 (DNS rebinding) it could also read the
 * responses. `Host` gives such a name away; `Origin` and `Sec-Fetch-Site` give away a page of another site.
 */

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
/** `name`, `address` or `[address]`, with or without a port. */
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i;
const MAX_PORT = 65_535;

/**
 * Further names under which local servers may be reached, as behind a tunnel or a reverse proxy: a comma-separated list
 * in the environment. `.example.com` stands for every name below `example.com`.
 */
export function configuredHosts(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
  return (environment.HUBFRONT_ALLOWED_HOSTS ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

/**
 * Whether the value of a `Host` header names a local server: `localhost`, `127.0.0.1`, `[::1]` (with any port) or a
 * configured name. The response to any other name is 421 (Misdirected Request).
 */
export function isAllowedHost(
  host: string | undefined,
  configured: readonly string[] = configuredHosts(),
): boolean {
  const [, name = '', port = '0'] = HOST.exec(host ?? '') ?? [];
  if (name === '' || Number(port) > MAX_PORT) return false;
  const wanted = name.toLowerCase();
  return [...LOOPBACK_NAMES, ...configured].some(
    (allowed) => wanted === allowed || (allowed.startsWith('.') && wanted.endsWith(allowed)),
  );
}

/**
 * Whether a page of another origin sent the request, as far as its browser says. Endpoints that no foreign page may
 * call, such as the admin endpoints, respond with 403 then. Programs other than browsers send neither header.
 *
 * @param origins further origins whose pages may send the request, such as `http://localhost:3001`
 */
export function isCrossOrigin(
  headers: Pick<IncomingHttpHeaders, 'host' | 'origin' | 'sec-fetch-site'>,
  origins: readonly string[] = [],
): boolean {
  const { host, origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && origins.includes(origin)) return false;
  if (site === 'cross-site') return true;
  if (origin !== undefined) return !isOwn(origin, host);
  // Another port of the same host is another origin, too.
  return site === 'same-site';
}

function isOwn(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}
