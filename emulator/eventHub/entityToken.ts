import { entityPath } from '../amqp';
import { decodePathSegment } from '../decodePathSegment';
import { isSignedBy, parseSasToken, policyKey, scopeCovers, SAS_GRACE_S } from '../sas';
import type { Hub } from '../hub';
import type { HubIdentity } from '../hubIdentity';

/** `amqps://host:5671/path` or, from IoT Hub's own SDKs, `host/path`. */
const RESOURCE = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(\[[^\]]*\]|[^/:]*)(?::\d+)?(?:\/(.*))?$/is;

/** The entity path of a resource such as `sb://127.0.0.1:5672/hubfront/$management`; undefined for another host. */
export function resourcePath(resource: string, { isOwnHost }: Hub): string | undefined {
  const [, host = '', path = ''] = RESOURCE.exec(withSlashes(resource)) ?? [];
  return isOwnHost(host.toLowerCase()) ? entityPath(path) : undefined;
}

/** Microsoft's device SDK for Node sends the audience as it stands in the token: with encoded slashes. */
function withSlashes(resource: string): string {
  return /^[^/]*%2f/i.test(resource) ? decodePathSegment(resource) : resource;
}

/** The reasons for rejecting a token. The texts are those of the service. */
export type TokenRefusal = 'InvalidSignature' | 'ExpiredToken' | 'MalformedToken' | 'InvalidAudience';

/**
 * Checks an Event Hubs SAS token for an entity path: it must be signed with a policy that has ServiceConnect, must not
 * have expired, and its scope must cover the path.
 *
 * @returns the time until which the token is accepted, in Unix milliseconds, or the reason for rejecting it
 */
export function checkEntityToken(text: unknown, path: string, hub: Hub): number | TokenRefusal {
  const context = hub.sasContext();
  const token = typeof text === 'string' ? parseSasToken(text) : undefined;
  if (token?.keyName === undefined) return 'MalformedToken';
  const key = policyKey(token.keyName, 'ServiceConnect', context);
  if (key === undefined || !isSignedBy(token, signingKey(key, path, hub.identity))) return 'InvalidSignature';
  const acceptedUntil = token.expiry + SAS_GRACE_S;
  if (acceptedUntil <= context.nowSeconds) return 'ExpiredToken';
  const scope = resourcePath(token.resource, hub);
  if (scope === undefined || (scope !== '' && !scopeCovers(scope, path))) return 'InvalidAudience';
  return acceptedUntil * 1_000;
}

/** Event Hubs signs with the text of the key. IoT Hub signs with the bytes that the text encodes. */
function signingKey(key: string, path: string, { name }: HubIdentity): string | Buffer {
  return scopeCovers(name, path) ? key : Buffer.from(key, 'base64');
}
