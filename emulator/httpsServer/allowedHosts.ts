import type { IncomingHttpHeaders } from 'node:http';

/**
 * Names under which the emulator serves requests. A web page can make a browser resolve the page's own name to
 * 127.0.0.1 (DNS rebinding); only the Host header then shows that the request is not meant for the emulator.
 */
const LOCAL_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/** `name`, `address` or `[address]`, with or without a port. */
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/** Whether a Host header names the emulator. `names` are those beside the loopback interface's; `.example.com` means all names below it. */
export function isAllowedHost(host: string | undefined, names: readonly string[]): boolean {
  const name = HOST.exec(host ?? '')?.[1]?.toLowerCase();
  if (name === undefined) return false;
  return [...LOCAL_NAMES, ...names].some(
    (allowed) => name === allowed || (allowed.startsWith('.') && name.endsWith(allowed)),
  );
}

/** Whether a browser says that a page of another origin sent the request. Other programs send neither header. */
export function isCrossOrigin({
  host,
  origin,
  'sec-fetch-site': site,
}: Pick<IncomingHttpHeaders, 'host' | 'origin' | 'sec-fetch-site'>): boolean {
  if (origin !== undefined)
    return !URL.canParse(origin) || new URL(origin).host !== (host ?? '').toLowerCase();
  return site === 'cross-site' || site === 'same-site';
}
