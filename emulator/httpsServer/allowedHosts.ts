import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/**
 * The checks that every local server makes before it serves a request. A page of any site can send requests to servers
 * on the loopback interface. Under a name of its own that resolves to 127.0.0.1 (DNS rebinding) it could also read the
 * responses. The `Host` header reveals such a name. `Origin` and `Sec-Fetch-Site` reveal a page of another site.
 */

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
/** `name`, `address` or `[address]`, with or without a port. */
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i;
const MAX_PORT = 65_535;
/** RFC 9112, 3.2.2, with any authority. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)/i;

const BAD_REQUEST = 400;
/** RFC 9110, 15.5.20. */
const MISDIRECTED_REQUEST = 421;

/** Why a server rejects a request: its Host header or target is malformed, or it names another server. */
export type HostRejection = typeof BAD_REQUEST | typeof MISDIRECTED_REQUEST;

/**
 * Whether the value of a `Host` header names a local server: `localhost`, `127.0.0.1` or `[::1]`, with any port, or one
 * of `names`. These are lower case; `.example.com` stands for every name below `example.com`.
 */
export function isAllowedHost(host: string | undefined, names: readonly string[]): boolean {
  const [, name = '', port = '0'] = HOST.exec(host ?? '') ?? [];
  if (name === '' || Number(port) > MAX_PORT) return false;
  const wanted = name.toLowerCase();
  const isWanted = (allowed: string): boolean =>
    wanted === allowed || (allowed.startsWith('.') && wanted.endsWith(allowed));
  return LOOPBACK_NAMES.some(isWanted) || names.some(isWanted);
}

/** A name to allow: without a scheme and a port, with a leading dot for all names below it. */
const ALLOWED = /^(?:\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/i;

/** @throws RangeError that names the first of `names` that no request could have as its host */
export function checkAllowedHosts(names: readonly string[]): void {
  const wrong = names.find((name) => !ALLOWED.test(name));
  if (wrong === undefined) return;
  throw new RangeError(
    `'${wrong}' is not a host name to allow: 'name' or '.example.com', without scheme and port`,
  );
}

/**
 * The status of the response if the request is not for this server, otherwise undefined. There must be one Host header
 * (RFC 9112, 3.2). The authority of a target in absolute form must be allowed as well, and equal the Host header:
 * frameworks use either.
 *
 * @param names as for `isAllowedHost`
 */
export function hostRejection(
  { url = '', rawHeaders }: Pick<IncomingMessage, 'url' | 'rawHeaders'>,
  names: readonly string[],
): HostRejection | undefined {
  const [host, ...more] = rawHeaders.filter((_, i) => i % 2 === 1 && isHostName(rawHeaders[i - 1]));
  if (host === undefined || more.length > 0) return BAD_REQUEST;
  if (!isAllowedHost(host, names)) return MISDIRECTED_REQUEST;
  if (url.startsWith('/') || url === '*') return undefined;
  const authority = ABSOLUTE_FORM.exec(url)?.[1];
  if (authority === undefined) return BAD_REQUEST;
  if (!isAllowedHost(authority, names)) return MISDIRECTED_REQUEST;
  return authority.toLowerCase() === host.toLowerCase() ? undefined : BAD_REQUEST;
}

/** The scheme and authority of an `Origin` header (RFC 6454, 6.1). */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(.+)$/i;

/**
 * Whether a page of a host that is not allowed opens a WebSocket, according to its browser's `Origin` header. Browsers
 * allow WebSockets to any server, and pages can read from them. Pages of local hosts may connect, on any port.
 *
 * @param names as for `isAllowedHost`
 */
export function isForeignOrigin(origin: string | undefined, names: readonly string[]): boolean {
  return origin !== undefined && !isAllowedHost(ORIGIN.exec(origin)?.[1], names);
}

/** The target without its origin, if it is in absolute form. */
export function originForm(url = '/'): string {
  const path = url.replace(ABSOLUTE_FORM, '');
  return /^[/*]/.test(path) ? path : `/${path}`;
}

const isHostName = (header: string | undefined): boolean => header?.toLowerCase() === 'host';

/**
 * Whether a page of another origin sent the request, according to the headers of its browser. Endpoints that only
 * local pages may call, such as the admin endpoints, then respond with 403. Programs other than browsers send neither
 * header.
 *
 * @param scheme with which clients reach the server: a page of the same host with the other scheme has another origin
 */
export function isCrossOrigin(
  {
    host = '',
    origin,
    'sec-fetch-site': site,
  }: Pick<IncomingHttpHeaders, 'host' | 'origin' | 'sec-fetch-site'>,
  scheme: 'http' | 'https',
): boolean {
  // `none`: the user opened it. Another port of the same host is `same-site`.
  if (site !== undefined && !/^(?:same-origin|none)$/i.test(site)) return true;
  if (origin === undefined) return false;
  const own = `${scheme}://${host}`;
  return !URL.canParse(own) || origin.toLowerCase() !== new URL(own).origin;
}
