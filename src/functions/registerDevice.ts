import { app } from '@azure/functions';
import * as z from 'zod';
import { json } from '../http/response';
import { readJson } from '../http/body';
import { endpoint } from '../http/endpoint';
import { validateBody } from '../http/validateBody';
import { requireDeviceId, requireDeviceKey } from '../iothub';
import { Problem } from '../problems';
import type { Startup } from '../startup';

const MAX_BODY_BYTES = 16 * 1024;
/** Far more than the known fields; unknown fields are ignored. */
const MAX_FIELDS = 32;

export const deviceRegistration = z.object({
  deviceId: z.string(),
  deviceKey: z.string().optional(),
});

/** `POST /api/devices`: registers a device, or returns the existing identity if the caller proves ownership. */
export function registerDevice({ hub, cors, log }: Startup): void {
  const handler = endpoint({
    log,
    cors,
    warmUp: () => hub().devices.warmUp(),
    handle: async (request) => {
      const { devices } = hub();
      if (request.method !== 'POST') throw new Problem('not_found', 'Devices are registered by POST.');
      const { bytes, root } = await readJson(request, MAX_BODY_BYTES, { members: {}, max: MAX_FIELDS });
      const { deviceId, deviceKey } = validateBody(deviceRegistration, bytes, root);
      requireDeviceId(deviceId);
      if (deviceKey !== undefined) requireDeviceKey(deviceKey);

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
