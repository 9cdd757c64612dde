import type { Hub } from '../hub';
import { IotHubError, unauthorized } from '../iotHubError';
import type { TelemetryOrigin } from '../partitionLog';
import { clientIdOf, deviceIdOf, moduleIdOf, normalizeThumbprint, type Client } from '../registry';
import { isSignedBy, isSignedByPolicy, SAS_GRACE_S, tokenFor } from '../sas';
import type { ClientCertificate } from '../transport';

/** The credentials of a client, for any protocol. */
export interface DeviceCredentials {
  /** A shared access signature. If undefined, the client is authenticated by its certificate. */
  readonly token: string | undefined;
  /** The resource that the token must cover: `<host>/<client path>`, followed by the path of the request. */
  readonly resource: string;
  /** The client's certificate, if it has one. Absent: the client can only have a token. */
  readonly certificate?: () => ClientCertificate | undefined;
  /** By how much a fault has moved the hub's clock. */
  readonly clockSkewSeconds: number;
}

/** An authenticated device or module, and the expiry of its authentication. */
export interface DeviceLogin {
  readonly origin: TelemetryOrigin;
  /** Unix time in seconds until which the hub accepts the token; undefined: a certificate. */
  readonly acceptedUntil: number | undefined;
}

/**
 * The sender, by a token signed with either of the client's keys or with a policy that has DeviceConnect, or by the
 * client's certificate.
 *
 * @param clientId the id of a device, or of a module
 * @throws IotHubError 401, also for an unknown client, so that nobody can find out which clients exist.
 *   404 over HTTPS for a disabled device with valid credentials
 */
export function authenticateDevice(hub: Hub, clientId: string, credentials: DeviceCredentials): DeviceLogin {
  const client = hub.clients.find(clientId);
  const { acceptedUntil, ...method } =
    credentials.token === undefined ? byCertificate(client, credentials) : byToken(hub, client, credentials);
  const deviceId = deviceIdOf(clientId);
  if (client?.device.status !== 'enabled') throw new IotHubError('DeviceNotFound', deviceId);
  const { generationId } = client.identity;
  const moduleId = moduleIdOf(clientId);
  return {
    origin: { deviceId, ...(moduleId === undefined ? {} : { moduleId }), generationId, ...method },
    acceptedUntil,
  };
}

type Authentication = Pick<TelemetryOrigin, 'authScope' | 'authType'> & Pick<DeviceLogin, 'acceptedUntil'>;

function byToken(hub: Hub, client: Client | undefined, credentials: DeviceCredentials): Authentication {
  const context = hub.sasContext(credentials.clockSkewSeconds);
  const token = tokenFor(credentials.token, credentials.resource, context.nowSeconds);
  if (!token) throw unauthorized();
  const acceptedUntil = token.expiry + SAS_GRACE_S;
  if (token.keyName !== undefined) {
    if (!isSignedByPolicy(token, 'DeviceConnect', context)) throw unauthorized();
    return { authScope: 'hub', authType: 'sas', acceptedUntil };
  }
  const { primaryKey, secondaryKey } = client?.identity.authentication.symmetricKey ?? {};
  const keys = [primaryKey, secondaryKey].filter((key) => key != null);
  if (!keys.some((key) => isSignedBy(token, Buffer.from(key, 'base64')))) throw unauthorized();
  return { authScope: 'device', authType: 'sas', acceptedUntil };
}

/** By the client's certificate; TLS has proved that the client has its private key. */
function byCertificate(client: Client | undefined, { certificate }: DeviceCredentials): Authentication {
  const presented = certificate?.();
  if (!client || !presented || !isCertificateOf(client, presented)) throw unauthorized();
  return { authScope: 'device', authType: 'x509', acceptedUntil: undefined };
}

/**
 * A self-signed certificate has a registered thumbprint. A certificate that a trusted CA signed has the client id as its
 * common name (iot-hub-x509ca-overview, "Connect devices signed with X.509 CA certificates"; module-twins-node, "Module
 * authentication": `CN=<deviceid>/<moduleid>`).
 */
function isCertificateOf(
  { identity }: Client,
  { thumbprints, commonName, isTrusted }: ClientCertificate,
): boolean {
  const { type, x509Thumbprint } = identity.authentication;
  if (type === 'certificateAuthority') return isTrusted && commonName === clientIdOf(identity);
  const registered = Object.values(x509Thumbprint).filter((thumbprint) => thumbprint !== null);
  return (
    type === 'selfSigned' &&
    thumbprints.some((thumbprint) => registered.includes(normalizeThumbprint(thumbprint)))
  );
}
