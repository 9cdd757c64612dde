import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { HttpRoute } from './routes';

/** Function keys by name; the one named `_master` opens everything. */
export type FunctionKeys = Readonly<Record<string, string>>;

export const MASTER_KEY = '_master';

/** Whether a request brings a key for the route: `x-functions-key` wins over `?code=`, as in Azure. */
export function isAuthorized(
  { authLevel }: Pick<HttpRoute, 'authLevel'>,
  request: IncomingMessage,
  query: URLSearchParams,
  keys: FunctionKeys,
): boolean {
  if (authLevel === 'anonymous') return true;
  const header = request.headers['x-functions-key'];
  const given = (Array.isArray(header) ? header[0] : header) ?? query.get('code');
  if (given == null) return false;
  const wanted = digestOf(given);
  return Object.entries(keys)
    .filter(([name]) => authLevel === 'function' || name === MASTER_KEY)
    .reduce((found, [, key]) => timingSafeEqual(wanted, digestOf(key)) || found, false);
}

/** Digests are equally long, as a comparison in constant time wants it. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
