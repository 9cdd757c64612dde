import { isSignedBy, parseSasToken, policyKey, scopeCovers, type SasContext } from '../sas';
import { HUB_HOST_NAME } from '../wellKnown';

/** The names under which clients reach the emulator, and so may sign for. */
const HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]', HUB_HOST_NAME]);

/** The entity path of a resource such as `sb://127.0.0.1:5672/hubfront/$management`; undefined for a foreign host. */
export function entityPathOf(resource: string): string | undefined {
  const [, host = '', path = ''] = /^[a-z]+:\/\/(\[[^\]]*\]|[^/:]*)(?::\d+)?\/?(.*)$/i.exec(resource) ?? [];
  return HOSTS.has(host.toLowerCase()) ? path.replace(/\/+$/, '') : undefined;
}

/** Why a token is refused; the texts are the service's. */
export type TokenRefusal = 'InvalidSignature' | 'ExpiredToken' | 'MalformedToken' | 'InvalidAudience';

/**
 * Checks an Event Hubs SAS token for an entity path: signed with a policy that has ServiceConnect, alive, and of a
 * scope that covers the path.
 *
 * @returns the expiry in Unix milliseconds, or why not
 */
export function checkEntityToken(
  text: unknown,
  entityPath: string,
  context: SasContext,
): number | TokenRefusal {
  const token = typeof text === 'string' ? parseSasToken(text) : undefined;
  if (token?.keyName === undefined) return 'MalformedToken';
  const key = policyKey(token.keyName, 'ServiceConnect', context);
  // Event Hubs signs with the key's text, not with the bytes it encodes.
  if (key === undefined || !isSignedBy(token, key)) return 'InvalidSignature';
  if (token.expiry <= context.nowSeconds) return 'ExpiredToken';
  const scope = entityPathOf(token.resource);
  if (scope === undefined || (scope !== '' && !scopeCovers(scope, entityPath))) return 'InvalidAudience';
  return token.expiry * 1_000;
}
