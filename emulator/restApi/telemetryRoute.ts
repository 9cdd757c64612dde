import type { HubRequest, Route } from './route';
import type { Hub } from '../hub';
import { IotHubError, throttled, unauthorized } from '../iotHubError';
import { partitionOf, type TelemetryOrigin } from '../partitionLog';
import { normalizeThumbprint, type DeviceIdentity } from '../registry';
import { isPolicyToken, isSignedBy, tokenFor } from '../sas';
import {
  BATCH_CONTENT_TYPE,
  headerPairs,
  MAX_MESSAGE_BYTES,
  messageSize,
  quotaExceeded,
  readBatch,
  sortHeaders,
  tooLarge,
} from '../telemetry';

/**
 * `POST /devices/{id}/messages/events`: one message, or a batch (rest/api/iothub/device/send-device-event). 204 means
 * that the hub has stored all messages.
 */
export function telemetryRoute(hub: Hub): Route {
  return {
    target: 'telemetry',
    method: 'POST',
    path: ['devices', '*', 'messages', 'events'],
    maxBodyBytes: MAX_MESSAGE_BYTES,
    handle(request) {
      const origin = authenticate(hub, request);
      if (!hub.throttle.allowSend()) throw throttled('DeviceToCloudSend');
      const messages = readMessages(request);
      if (
        hub.faults.find('refuse', ({ messageId }) =>
          messages.some(({ system }) => system.messageId === messageId),
        )
      )
        throw new IotHubError('ArgumentInvalid', 'BadRequest');
      const sizes = messages.map(messageSize);
      if (sizes.some((size) => size > MAX_MESSAGE_BYTES)) throw tooLarge(MAX_MESSAGE_BYTES);
      if (!hub.throttle.allowMessages(sizes)) throw quotaExceeded(hub.identity.name);
      const partition = hub.partitions[partitionOf(origin.deviceId, hub.partitions.length)];
      if (!partition) throw new IotHubError('ServerError', 'The hub has no partitions.');
      const now = Date.now();
      for (const message of messages) partition.append({ ...message, origin }, now);
      for (const wake of hub.onAppended) wake(partition.id);
      return { status: 204 };
    },
  };
}

function readMessages(request: HubRequest) {
  const [contentType = ''] = (request.headers['content-type'] ?? '').split(';', 1);
  return contentType.trim().toLowerCase() === BATCH_CONTENT_TYPE
    ? readBatch(request.body)
    : [{ body: request.body, ...sortHeaders(headerPairs(request.rawHeaders)) }];
}

/**
 * Authenticates the sender by a token or by the device's certificate. The token is signed with a key of the device or
 * of a policy that has DeviceConnect.
 *
 * @throws IotHubError 401 also for an unknown device, so that the response does not reveal which devices exist. 404
 * for a disabled device that is authenticated
 */
function authenticate(hub: Hub, request: HubRequest): TelemetryOrigin {
  const deviceId = request.segments[1] ?? '';
  const device = hub.registry.find(deviceId);
  const method =
    request.headers.authorization === undefined
      ? byCertificate(device, request)
      : byToken(hub, device, request);
  if (device?.status !== 'enabled') throw new IotHubError('DeviceNotFound', deviceId);
  return { deviceId, generationId: device.generationId, ...method };
}

type Authentication = Pick<TelemetryOrigin, 'authScope' | 'authType'>;

function byToken(hub: Hub, device: DeviceIdentity | undefined, request: HubRequest): Authentication {
  const context = hub.sasContext(request.clockSkewSeconds);
  const { authorization } = request.headers;
  const token = tokenFor(authorization, request.resource, context.nowSeconds);
  if (token?.keyName !== undefined) {
    if (!isPolicyToken(authorization, request.resource, 'DeviceConnect', context)) throw unauthorized();
    return { authScope: 'hub', authType: 'sas' };
  }
  const { primaryKey, secondaryKey } = device?.authentication.symmetricKey ?? {};
  const keys = [primaryKey, secondaryKey].filter((key) => key != null);
  if (!token || !keys.some((key) => isSignedBy(token, Buffer.from(key, 'base64')))) throw unauthorized();
  return { authScope: 'device', authType: 'sas' };
}

/**
 * Compares the thumbprint of a self-signed certificate. TLS has already proved that the client has the private key.
 */
function byCertificate(device: DeviceIdentity | undefined, request: HubRequest): Authentication {
  const { type, x509Thumbprint } = device?.authentication ?? {};
  const registered = Object.values(x509Thumbprint ?? {}).filter((thumbprint) => thumbprint !== null);
  const isKnown = request
    .clientThumbprints()
    .some((thumbprint) => registered.includes(normalizeThumbprint(thumbprint)));
  if (type !== 'selfSigned' || !isKnown) throw unauthorized();
  return { authScope: 'device', authType: 'x509' };
}
