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
  return Object.entries(keys)
    .filter(([name]) => authLevel === 'function' || name === MASTER_KEY)
    .reduce((found, [, key]) => equalInConstantTime(given, key) || found, false);
}

function equalInConstantTime(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
