import { policyNamed, type Permission, type Policies } from '../wellKnown';
import { isSignedBy, parseSasToken, SAS_GRACE_S, tokenCovers, type SasToken } from './sasToken';

/** The context that a verifier needs: the time, and the hub's policies. */
export interface SasContext {
  /** Unix time in seconds, as the service sees it. */
  readonly nowSeconds: number;
  readonly policies: Policies;
  readonly isRevoked: (policy: string) => boolean;
}

/** The base64 key of a policy that has the permission and is not revoked. */
export function policyKey(name: string, permission: Permission, context: SasContext): string | undefined {
  const policy = policyNamed(context.policies, name);
  if (!policy?.permissions.includes(permission) || context.isRevoked(name)) return undefined;
  return policy.key;
}

/**
 * Parses a token for this resource (`<host>/<path>`, decoded). Undefined if it is malformed or expired, or if its
 * scope does not cover the resource. The signature is not checked.
 */
export function tokenFor(
  text: string | undefined,
  resource: string,
  nowSeconds: number,
): SasToken | undefined {
  const token = text === undefined ? undefined : parseSasToken(text);
  return token && token.expiry + SAS_GRACE_S > nowSeconds && tokenCovers(token, resource) ? token : undefined;
}

/** Whether an `Authorization` header grants access to `resource` by a policy with `permission`. */
export function isPolicyToken(
  authorization: string | undefined,
  resource: string,
  permission: Permission,
  context: SasContext,
): boolean {
  const token = tokenFor(authorization, resource, context.nowSeconds);
  return token !== undefined && isSignedByPolicy(token, permission, context);
}

/** Whether a policy with `permission` signed the token. */
export function isSignedByPolicy(token: SasToken, permission: Permission, context: SasContext): boolean {
  if (token.keyName === undefined) return false;
  const key = policyKey(token.keyName, permission, context);
  return key !== undefined && isSignedBy(token, Buffer.from(key, 'base64'));
}
