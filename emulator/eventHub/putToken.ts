/** The requests to `$cbs` (AMQP claims-based security). */

import type { Message } from 'rhea';
import { applicationProperties, bytesOf } from '../amqp';
import { clientIdAt, isDevicePath } from '../deviceAmqp';
import { authenticateDevice } from '../deviceAuthentication';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import { clientPath } from '../registry';
import { isPolicyToken, isSasToken, parseSasToken, SAS_GRACE_S, scopeCovers } from '../sas';
import { checkEntityToken, resourcePath, type TokenRefusal } from './entityToken';
import type { Grants } from './plainLogin';
import { refuse, type Reply } from './requests';

const REFUSALS: Record<TokenRefusal, string> = {
  InvalidSignature: 'InvalidSignature: The token has an invalid signature.',
  ExpiredToken: 'ExpiredToken: The token is expired.',
  MalformedToken: 'MalformedToken: The token is malformed.',
  InvalidAudience:
    'InvalidAudience: The authorization header contains a token which is not valid for the audience.',
};

const SAS_TOKEN_TYPE = 'servicebus.windows.net:sastoken';
/** Microsoft's client for Python also uses this type for SAS tokens. */
const JWT_TYPE = 'jwt';
const NO_ENTRA_ID =
  'The built-in endpoint of an IoT Hub accepts SAS tokens only, not tokens of Microsoft Entra ID.';

const CLIENT = /^devices\/([^/]+)(?:\/modules\/([^/]+))?$/i;

/** `put-token`: a token grants this connection access to an entity, a device or a module. */
export function putToken(hub: Hub, grants: Grants, request: Message): Reply {
  const { operation, type, name } = applicationProperties(request);
  if (operation !== 'put-token')
    return refuse(400, 'amqp:not-implemented', 'The operation is not supported.');
  const path = typeof name === 'string' ? resourcePath(name, hub) : undefined;
  const token = bytesOf(request).toString('utf8');
  if (type !== SAS_TOKEN_TYPE && type !== JWT_TYPE)
    return refuse(401, 'amqp:unauthorized-access', `The token type '${String(type)}' is not supported.`);
  if (type === JWT_TYPE && !isSasToken(token)) return refuse(401, 'amqp:unauthorized-access', NO_ENTRA_ID);
  if (path === undefined) return refuse(401, 'com.microsoft:auth-failed', REFUSALS.InvalidAudience);
  try {
    if (isDevicePath(path)) return putDeviceToken(hub, grants, path, token);
    const isForDevices = putPolicyToken(hub, grants, path, token);
    const acceptedUntil = checkEntityToken(token, path, hub);
    if (typeof acceptedUntil === 'number') grants.claims.put(path, acceptedUntil);
    else if (!isForDevices) return refuse(401, 'com.microsoft:auth-failed', REFUSALS[acceptedUntil]);
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    return refuse(error.status, 'com.microsoft:auth-failed', error.message);
  }
  // IoT Hub's SDKs accept only status 200, which IoT Hub returns for its own entities.
  return scopeCovers(hub.identity.name, path) ? { status: 202, description: 'Accepted', body: {} } : OK;
}

const OK: Reply = { status: 200, description: 'OK', body: {} };

/** @throws IotHubError */
function putDeviceToken(hub: Hub, { tokens }: Grants, path: string, token: string): Reply {
  const [, deviceSegment, moduleSegment] = CLIENT.exec(path) ?? [];
  if (deviceSegment === undefined) {
    return refuse(401, 'com.microsoft:auth-failed', REFUSALS.InvalidAudience);
  }
  const clientId = clientIdAt(hub.clients, { deviceSegment, moduleSegment });
  const { acceptedUntil } = authenticateDevice(hub, clientId, {
    token,
    resource: `${hub.identity.hostName}/${clientPath(clientId)}`,
    clockSkewSeconds: 0,
  });
  tokens.put(clientPath(clientId), token, acceptedUntil ?? 0);
  return OK;
}

/** A token of a policy with DeviceConnect is for every device. Returns whether the token is such a token. */
function putPolicyToken(hub: Hub, { tokens }: Grants, path: string, token: string): boolean {
  if (path !== '' && path.toLowerCase() !== 'devices') return false;
  const isForDevices = isPolicyToken(
    token,
    `${hub.identity.hostName}/devices`,
    'DeviceConnect',
    hub.sasContext(),
  );
  const expiry = parseSasToken(token)?.expiry;
  if (!isForDevices || expiry === undefined) return false;
  tokens.put('', token, expiry + SAS_GRACE_S);
  return true;
}
