import type { IConnectPacket } from 'mqtt-packet';
import { authenticateDevice, type DeviceLogin } from '../deviceAuthentication';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import { clientPath } from '../registry';
import type { Transport } from '../transport';
import { isApiVersion } from '../apiVersion';

/** Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3). */
export const ACCEPTED = 0;
const UNACCEPTABLE_PROTOCOL_VERSION = 1;
const SERVER_UNAVAILABLE = 3;
const NOT_AUTHORIZED = 5;

/** MQTT 3.1.1. */
const PROTOCOL_VERSION = 4;

/** The host, and the rest of a user name `<host>/<client id>/?api-version=…`. */
const USER_NAME = /^([^/]+)\/(.*)$/s;
/** What follows the client id. Microsoft's older SDKs leave out the slash or the question mark. */
const QUERY = /^(?:\/?\?(.*)|\/([^/?]+=.*)|\/?)$/s;
/** `<device id>` or `<device id>/<module id>`. */
const CLIENT_ID = /^[^/]+(?:\/[^/]+)?$/;

/** An authenticated device, or the CONNACK return code of the rejection. */
export type LoginResult = DeviceLogin | { readonly refusal: number };

/** The host in the user name of a CONNECT, in lower case; empty if there is none. */
export const userNameHost = ({ username }: IConnectPacket): string =>
  (USER_NAME.exec(username ?? '')?.[1] ?? '').toLowerCase();

/**
 * Checks a CONNECT (iot-mqtt-connect-to-iot-hub, "Using the MQTT protocol directly (as a device)" and "… (as a
 * module)"): the client id is that of a device or module, the user name has hub, client id and API version, and the
 * password is a token.
 *
 * @param clockSkewSeconds by how much a fault has moved the hub's clock
 */
export function logIn(
  hub: Hub,
  packet: IConnectPacket,
  { hostNames, clientCertificate: certificate }: Pick<Transport, 'hostNames' | 'clientCertificate'>,
  clockSkewSeconds: number,
): LoginResult {
  if (packet.protocolVersion !== PROTOCOL_VERSION) return { refusal: UNACCEPTABLE_PROTOCOL_VERSION };
  const { clientId } = packet;
  const [, host = '', rest = ''] = USER_NAME.exec(packet.username ?? '') ?? [];
  const query = rest.startsWith(clientId) ? QUERY.exec(rest.slice(clientId.length)) : null;
  const parameters = query?.[1] ?? query?.[2] ?? '';
  const version = new URLSearchParams(parameters.replace(/\/.*$/s, '')).get('api-version');
  const isKnown =
    host.toLowerCase() === hub.identity.hostName &&
    hub.foreignHost(hostNames) === undefined &&
    CLIENT_ID.test(clientId) &&
    query !== null &&
    // The API version is optional: "It's recommended to include api-version in the field."
    (version === null || isApiVersion(version));
  if (!isKnown) return { refusal: NOT_AUTHORIZED };
  if (!hub.throttle.allow('connections')) return { refusal: SERVER_UNAVAILABLE };
  try {
    return authenticateDevice(hub, clientId, {
      token: packet.password?.toString('utf8'),
      resource: `${hub.identity.hostName}/${clientPath(clientId)}`,
      certificate,
      clockSkewSeconds,
    });
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    return { refusal: NOT_AUTHORIZED };
  }
}

/** The return code for an error with which a fault rejects a CONNECT. MQTT 3.1.1 has no code for a throttle. */
export const refusalOf = ({ code }: IotHubError): number =>
  code === 'IotHubUnauthorizedAccess' ? NOT_AUTHORIZED : SERVER_UNAVAILABLE;
