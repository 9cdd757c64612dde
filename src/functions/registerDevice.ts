import { randomBytes } from 'node:crypto';
import { type HttpResponseInit, app } from '@azure/functions';
import * as z from 'zod';
import { json } from '../http/response';
import { readJson } from '../http/body';
import { endpoint } from '../http/endpoint';
import { createAddressLimit } from '../http/addressLimit';
import { validateBody } from '../http/validateBody';
import { requireDeviceId, requireDeviceKey } from '../iothub';
import { Problem } from '../errorCodes';
import type { Startup } from '../startup';
import { type Visitors, isReservedId } from '../visitors';

/** Proposes a random key if the client proposed none. It is not stored, because the visitor uses the derived key. */
const VISITOR_KEY_BYTES = 32;
/** Far more than an id of 128 characters and a key of 64 bytes. A larger body is rejected without reading it. */
export const MAX_BODY_BYTES = 16 * 1024;
/** Far more than the known fields; unknown fields are ignored. */
const MAX_FIELDS = 32;

export const deviceRegistration = z.object({
  deviceId: z.string().optional(),
  deviceKey: z.string().optional(),
});

/** `POST /api/devices`: registers a device, or returns the existing identity if the caller proves ownership. */
export function registerDevice({ hub, settings, cors, log }: Startup): void {
  const limitAddress = createAddressLimit(settings?.addressHeader);
  const handler = endpoint({
    log,
    cors,
    warmUp: () => hub().devices.warmUp(),
    handle: async (request) => {
      const { devices } = hub();
      if (request.method !== 'POST') throw new Problem('not_found', 'Devices are registered by POST.');
      const { bytes, root } = await readJson(request, MAX_BODY_BYTES, { members: {}, max: MAX_FIELDS });
      const { deviceId, deviceKey } = validateBody(deviceRegistration, bytes, root);
      if (deviceKey !== undefined) requireDeviceKey(deviceKey);
      const { visitors } = hub();
      if (visitors && deviceId === undefined) {
        limitAddress(request);
        return visitorResponse(visitors, deviceKey, devices.hostName);
      }
      if (deviceId === undefined) throw new Problem('invalid_request', 'deviceId: is missing.');
      requireDeviceId(deviceId);
      if (settings && isReservedId(settings.visitorIdPrefix, deviceId)) {
        throw new Problem('device_exists', 'This id is reserved for a gateway of this app.');
      }
      if (visitors?.isVisitor(deviceId)) {
        limitAddress(request);
        const isOwn = deviceKey !== undefined && visitors.idOf(Buffer.from(deviceKey, 'base64')) === deviceId;
        if (isOwn) return visitorResponse(visitors, deviceKey, devices.hostName);
        throw new Problem('invalid_device_id', VISITOR_ID);
      }

      const { created, identity } = await devices.register(deviceId, deviceKey);
      const location = `https://${devices.hostName}/devices/${encodeURIComponent(deviceId)}`;
      return json(
        created ? 201 : 200,
        { deviceInfo: identity, hostName: devices.hostName },
        created ? { Location: location } : {},
      );
    },
  });

  app.http('registerDevice', { route: 'devices', methods: ['POST', 'GET'], authLevel: 'function', handler });
  // A preflight carries no function key, so it needs a separate anonymous function.
  app.http('registerDevicePreflight', {
    route: 'devices',
    methods: ['OPTIONS'],
    authLevel: 'anonymous',
    handler,
  });
}

const VISITOR_ID =
  'Ids of this form belong to visitors. Register a visitor without deviceId, or choose another id for the device.';

/** A visitor's identity in the format of a device identity. It is derived from a secret and is not in the registry. */
function visitorResponse(
  visitors: Visitors,
  proposedKey: string | undefined,
  hostName: string,
): HttpResponseInit {
  const key = proposedKey === undefined ? randomBytes(VISITOR_KEY_BYTES) : Buffer.from(proposedKey, 'base64');
  const deviceId = visitors.idOf(key);
  if (visitors.isBlocked(deviceId)) throw new Problem('device_unauthorized', 'The visitor is blocked.');
  const primaryKey = visitors.keyOf(deviceId);
  const deviceInfo = {
    deviceId,
    generationId: '0',
    etag: '',
    status: 'enabled',
    authentication: { type: 'sas', symmetricKey: { primaryKey, secondaryKey: primaryKey } },
  };
  return json(201, { deviceInfo, hostName });
}
