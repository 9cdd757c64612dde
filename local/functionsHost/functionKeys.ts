import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpRoute } from './routes';

/** Keys by name. */
type KeysByName = Readonly<Record<string, string>>;

/** The keys of a function app, by level (function-keys-how-to). */
export interface FunctionKeys {
  /** master key: opens every function and the admin endpoints */
  master?: string;
  /** host keys: each opens every function */
  host?: KeysByName;
  /** function keys, by function name: each opens only its function */
  functions?: Readonly<Record<string, KeysByName>>;
}

/** Whether the key in a request, if any, opens the function. */
export function isAuthorized(
  { authLevel, name }: Pick<HttpRoute, 'authLevel' | 'name'>,
  given: string | undefined,
  keys: FunctionKeys,
): boolean {
  if (authLevel === 'anonymous' || isAdmin(given, keys)) return true;
  if (authLevel === 'admin') return false;
  return isHostKey(given, keys) || isOneOf(given, Object.values(functionKeysOf(name, keys)));
}

/** Whether the key opens the admin endpoints. Only the master key does. */
export function isAdmin(given: string | undefined, { master }: FunctionKeys): boolean {
  return isOneOf(given, master === undefined ? [] : [master]);
}

export function isHostKey(given: string | undefined, { host = {} }: FunctionKeys): boolean {
  return isOneOf(given, Object.values(host));
}

/** Azure ignores case in function names. */
function functionKeysOf(name: string, { functions = {} }: FunctionKeys): KeysByName {
  const own = Object.entries(functions).find(([other]) => other.toLowerCase() === name.toLowerCase());
  return own?.[1] ?? {};
}

function isOneOf(given: string | undefined, accepted: readonly string[]): boolean {
  if (given === undefined) return false;
  const digest = digestOf(given);
  return accepted.reduce((found, key) => timingSafeEqual(digest, digestOf(key)) || found, false);
}

/** Digests have equal lengths, which a constant-time comparison requires. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
