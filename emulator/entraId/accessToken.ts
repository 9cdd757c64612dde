import { createHmac, timingSafeEqual } from 'node:crypto';
import { ENTRA_ID_SIGNING_KEY, HUB_HOST_NAME } from '../wellKnown';

/** The audience of all IoT hubs (iot-hub-dev-guide-azure-ad-rbac). */
export const IOT_HUB_RESOURCE = 'https://iothubs.azure.net';

/** Managed identities get tokens for a day. */
const LIFETIME_S = 24 * 60 * 60;

export interface AccessToken {
  readonly token: string;
  /** Unix time in seconds. */
  readonly expiresOn: number;
}

/**
 * Issues an access token like that of Microsoft Entra ID for a managed identity with the role IoT Hub Registry
 * Contributor. It is signed with a published key, so only an emulator accepts it.
 */
export function issueAccessToken(nowSeconds: number): AccessToken {
  const expiresOn = Math.floor(nowSeconds) + LIFETIME_S;
  const claims = {
    aud: IOT_HUB_RESOURCE,
    iss: `https://${HUB_HOST_NAME}/`,
    nbf: Math.floor(nowSeconds),
    exp: expiresOn,
    oid: '00000000-0000-0000-0000-000000000001',
  };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return { token: `${signed}.${sign(signed).toString('base64url')}`, expiresOn };
}

/**
 * Whether an `Authorization` header has a bearer token that this emulator issued for an IoT hub, and that has not
 * expired.
 */
export function isAccessToken(authorization: string | undefined, nowSeconds: number): boolean {
  const [, header, claims, signature] =
    /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(authorization ?? '') ?? [];
  if (header === undefined || claims === undefined || signature === undefined) return false;
  const expected = sign(`${header}.${claims}`);
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
  const { aud, nbf, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<
    string,
    unknown
  >;
  return aud === IOT_HUB_RESOURCE && Number(nbf) <= nowSeconds && nowSeconds < Number(exp);
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const sign = (text: string): Buffer => createHmac('sha256', ENTRA_ID_SIGNING_KEY).update(text).digest();
