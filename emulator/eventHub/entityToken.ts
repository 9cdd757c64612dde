import { isSignedBy, parseSasToken, policyKey, scopeCovers, SAS_GRACE_S, type SasContext } from '../sas';
import type { HubIdentity } from '../hubIdentity';
import { entityPath } from './entityPath';

/** Beside the hub's own name, the names under which clients reach the emulator, and so may sign for. */
const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/** `amqps://host:5671/path` or, from IoT Hub's own SDKs, `host/path`. */
const RESOURCE = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(\[[^\]]*\]|[^/:]*)(?::\d+)?(?:\/(.*))?$/is;

/** The entity path of a resource such as `sb://127.0.0.1:5672/hubfront/$management`; undefined for a foreign host. */
export function resourcePath(resource: string, { hostName }: HubIdentity): string | undefined {
  const [, host = '', path = ''] = RESOURCE.exec(resource) ?? [];
  return [hostName, ...LOOPBACK_NAMES].includes(host.toLowerCase()) ? entityPath(path) : undefined;
}

/** Why a token is refused; the texts are the service's. */
export type TokenRefusal = 'InvalidSignature' | 'ExpiredToken' | 'MalformedToken' | 'InvalidAudience';

/**
 * Checks an Event Hubs SAS token for an entity path: signed with a policy that has ServiceConnect, alive, and of a
 * scope that covers the path.
 *
 * @returns the time until which the token is accepted, in Unix milliseconds, or why it is refused
 */
export function checkEntityToken(
  text: unknown,
  path: string,
  identity: HubIdentity,
  context: SasContext,
): number | TokenRefusal {
  const token = typeof text === 'string' ? parseSasToken(text) : undefined;
  if (token?.keyName === undefined) return 'MalformedToken';
  const key = policyKey(token.keyName, 'ServiceConnect', context);
  if (key === undefined || !isSignedBy(token, signingKey(key, path, identity))) return 'InvalidSignature';
  const acceptedUntil = token.expiry + SAS_GRACE_S;
  if (acceptedUntil <= context.nowSeconds) return 'ExpiredToken';
  const scope = resourcePath(token.resource, identity);
  if (scope === undefined || (scope !== '' && !scopeCovers(scope, path))) return 'InvalidAudience';
  return acceptedUntil * 1_000;
}

/** Event Hubs signs with the text of the key, IoT Hub with the bytes that it encodes. */
function signingKey(key: string, path: string, { name }: HubIdentity): string | Buffer {
  return scopeCovers(name, path) ? key : Buffer.from(key, 'base64');
}
