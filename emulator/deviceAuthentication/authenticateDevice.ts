import type { Hub } from '../hub';
import { IotHubError, unauthorized } from '../iotHubError';
import type { TelemetryOrigin } from '../partitionLog';
import { normalizeThumbprint, type DeviceIdentity } from '../registry';
import { isPolicyToken, isSignedBy, SAS_GRACE_S, tokenFor } from '../sas';
import type { ClientCertificate } from '../transport';

/** The credentials of a client, for any protocol. */
export interface DeviceCredentials {
  /** A shared access signature. If undefined, the client is authenticated by its certificate. */
  readonly token: string | undefined;
  /** The resource that the token must cover: `<host>/devices/<id>`, followed by the path of the request. */
  readonly resource: string;
  /** The client's certificate, if it has one. Absent: the client can only have a token. */
  readonly certificate?: () => ClientCertificate | undefined;
  /** By how much a fault has moved the hub's clock. */
  readonly clockSkewSeconds: number;
}

/** An authenticated device, and the expiry of its authentication. */
export interface DeviceLogin {
  readonly origin: TelemetryOrigin;
  /** Unix time in seconds until which the hub accepts the token; undefined: a certificate. */
  readonly acceptedUntil: number | undefined;
}

/**
 * The sender, by a token signed with either of the device's keys or with a policy that has DeviceConnect, or by the
 * device's certificate.
 *
 * @throws IotHubError 401, also for an unknown device, so that nobody can find out which devices exist.
 *   404 over HTTPS for a disabled device with valid credentials
 */
export function authenticateDevice(hub: Hub, deviceId: string, credentials: DeviceCredentials): DeviceLogin {
  const device = hub.registry.find(deviceId);
  const { acceptedUntil, ...method } =
    credentials.token === undefined ? byCertificate(device, credentials) : byToken(hub, device, credentials);
  if (device?.status !== 'enabled') throw new IotHubError('DeviceNotFound', deviceId);
  return { origin: { deviceId, generationId: device.generationId, ...method }, acceptedUntil };
}

type Authentication = Pick<TelemetryOrigin, 'authScope' | 'authType'> & Pick<DeviceLogin, 'acceptedUntil'>;

function byToken(
  hub: Hub,
  device: DeviceIdentity | undefined,
  credentials: DeviceCredentials,
): Authentication {
  const context = hub.sasContext(credentials.clockSkewSeconds);
  const token = tokenFor(credentials.token, credentials.resource, context.nowSeconds);
  if (!token) throw unauthorized();
  const acceptedUntil = token.expiry + SAS_GRACE_S;
  if (token.keyName !== undefined) {
    const isAllowed = isPolicyToken(credentials.token, credentials.resource, 'DeviceConnect', context);
    if (!isAllowed) throw unauthorized();
    return { authScope: 'hub', authType: 'sas', acceptedUntil };
  }
  const { primaryKey, secondaryKey } = device?.authentication.symmetricKey ?? {};
  const keys = [primaryKey, secondaryKey].filter((key) => key != null);
  if (!keys.some((key) => isSignedBy(token, Buffer.from(key, 'base64')))) throw unauthorized();
  return { authScope: 'device', authType: 'sas', acceptedUntil };
}

/** By the device's certificate; TLS has proved that the client has its private key. */
function byCertificate(
  device: DeviceIdentity | undefined,
  { certificate }: DeviceCredentials,
): Authentication {
  const presented = certificate?.();
  if (!device || !presented || !isCertificateOf(device, presented)) throw unauthorized();
  return { authScope: 'device', authType: 'x509', acceptedUntil: undefined };
}

/**
 * A self-signed certificate has a registered thumbprint. A certificate that a trusted CA signed has the device id as its
 * common name (iot-hub-x509ca-overview, "Connect devices signed with X.509 CA certificates").
 */
function isCertificateOf(
  { deviceId, authentication: { type, x509Thumbprint } }: DeviceIdentity,
  { thumbprints, commonName, isTrusted }: ClientCertificate,
): boolean {
  if (type === 'certificateAuthority') return isTrusted && commonName === deviceId;
  const registered = Object.values(x509Thumbprint).filter((thumbprint) => thumbprint !== null);
  return (
    type === 'selfSigned' &&
    thumbprints.some((thumbprint) => registered.includes(normalizeThumbprint(thumbprint)))
  );
}
