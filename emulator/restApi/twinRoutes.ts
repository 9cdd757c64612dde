/** The routes of device twins. */

import type { Hub } from '../hub';
import { readTwinChange, twinEtag, twinJson, type Twin } from '../twins';
import type { HubRequest, Route } from './route';
import { readJson, serviceRoute } from './serviceRoute';

const PATH = ['twins', '*'];
/** "All the preceding operations … require the ServiceConnect permission" (iot-hub-devguide-device-twins). */
const COMMON = { target: 'twins', path: PATH, permission: 'ServiceConnect' } as const;

/** Device twins for services (rest/api/iothub/service/devices): get, update, replace. */
export function twinRoutes(hub: Hub): Route[] {
  const deviceIdOf = ({ segments }: HubRequest) => segments[1] ?? '';
  const response = (deviceId: string, twin: Twin) => ({
    status: 200,
    body: twinJson(hub.registry.get(deviceId), twin),
    etag: twinEtag(twin),
  });
  const update = (method: 'PATCH' | 'PUT', change: Hub['twins']['patch']): Route =>
    serviceRoute(hub, { ...COMMON, method, operation: 'twinUpdates' }, (request) => {
      const deviceId = deviceIdOf(request);
      const ifMatch = request.headers['if-match'] ?? '*';
      return response(deviceId, change(deviceId, readTwinChange(readJson(request)), ifMatch));
    });

  return [
    serviceRoute(hub, { ...COMMON, method: 'GET', operation: 'twinReads' }, (request) => {
      const deviceId = deviceIdOf(request);
      return response(deviceId, hub.twins.get(deviceId));
    }),
    update('PATCH', hub.twins.patch),
    update('PUT', hub.twins.replace),
  ];
}
