import { createHash, timingSafeEqual } from 'node:crypto';
import { saslMechanisms, type SaslMechanisms } from '../amqp';
import type { DeviceTokens } from '../deviceAmqp';
import { authenticateDevice } from '../deviceAuthentication';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import { clientPath } from '../registry';
import { isPolicyToken, parseSasToken, policyKey, SAS_GRACE_S } from '../sas';
import { DEVICE_RESOURCE } from '../wellKnown';
import type { Claims } from './claims';

/** IoT Hub's forms of a user name, with a token as the password (iot-hub-dev-guide-sas, "SASL PLAIN"). */
const POLICY_AT_HUB = /^[^@]+@sas\.root\.(.+)$/i;
const CLIENT_AT_HUB = /^(.+)@sas\.([^@]+)$/i;

/** The credentials of SASL PLAIN. */
export interface PlainLogin {
  readonly username: string;
  readonly password: string;
}

/** What the credentials of a connection allow. */
export interface Grants {
  readonly claims: Claims;
  readonly tokens: DeviceTokens;
}

/**
 * Checks SASL PLAIN credentials, and grants what they allow. Event Hubs accepts the name and key of a policy with
 * ServiceConnect. IoT Hub accepts `<policy>@sas.root.<hub>` or `<client id>@sas.<hub>`, and a token.
 *
 * @param onRegistration called for a device that wants to be provisioned. The hub grants it nothing. Whether the device
 * is rejected is decided later: SASL has no text that could name the reason
 */
export const plainMechanisms = (
  hub: Hub,
  grants: () => Grants,
  onRegistration: (login: PlainLogin) => void,
): SaslMechanisms =>
  saslMechanisms((username, password) => {
    if (DEVICE_RESOURCE.test(username)) {
      onRegistration({ username, password });
      return true;
    }
    const { hostName, name } = hub.identity;
    const isThisHub = (hubName = '') => [name, hostName].includes(hubName.toLowerCase());
    const atHub = POLICY_AT_HUB.exec(username);
    if (atHub) return isThisHub(atHub[1]) && grantPolicyToken(hub, password, grants());
    const [, clientId, hubName] = CLIENT_AT_HUB.exec(username) ?? [];
    if (clientId !== undefined) return isThisHub(hubName) && grantClient(hub, clientId, password, grants());
    const key = policyKey(username, 'ServiceConnect', hub.sasContext());
    const isKey = key !== undefined && timingSafeEqual(digest(key), digest(password));
    if (isKey) grants().claims.grantAll();
    return isKey;
  });

/** A policy's token is valid for services, for devices, or for both. */
function grantPolicyToken(hub: Hub, token: string, { claims, tokens }: Grants): boolean {
  const { hostName } = hub.identity;
  const context = hub.sasContext();
  const isService = isPolicyToken(token, `${hostName}/messages/events`, 'ServiceConnect', context);
  const isDevice = isPolicyToken(token, `${hostName}/devices`, 'DeviceConnect', context);
  if (isService) claims.grantAll();
  if (isDevice) tokens.put('', token, (parseSasToken(token)?.expiry ?? 0) + SAS_GRACE_S);
  return isService || isDevice;
}

function grantClient(hub: Hub, clientId: string, token: string, { tokens }: Grants): boolean {
  try {
    const path = clientPath(clientId);
    const login = authenticateDevice(hub, clientId, {
      token,
      resource: `${hub.identity.hostName}/${path}`,
      clockSkewSeconds: 0,
    });
    tokens.put(path, token, login.acceptedUntil ?? 0);
    return true;
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    return false;
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
