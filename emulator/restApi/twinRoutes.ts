/** The routes of twins. */

import type { Hub } from '../hub';
import { readTwinChange, twinEtag, twinJson, type Twin } from '../twins';
import { clientIdIn, CLIENT_TWINS, type Route } from './route';
import { readJson, serviceRoute } from './serviceRoute';

/**
 * Twins of devices and modules for services: get, update, replace (rest/api/iothub/service/devices, …/modules). "All the
 * preceding operations … require the ServiceConnect permission" (iot-hub-devguide-device-twins).
 */
export const twinRoutes = (hub: Hub): Route[] => CLIENT_TWINS.flatMap((path) => routesAt(hub, path));

function routesAt(hub: Hub, path: readonly string[]): Route[] {
  const common = { target: 'twins', path, permission: 'ServiceConnect' } as const;
  const response = (clientId: string, twin: Twin) => ({
    status: 200,
    body: twinJson(hub.clients.get(clientId), twin),
    etag: twinEtag(twin),
  });
  const update = (method: 'PATCH' | 'PUT', change: Hub['twins']['patch']): Route =>
    serviceRoute(hub, { ...common, method, operation: 'twinUpdates' }, (request) => {
      const clientId = clientIdIn(request.segments);
      const ifMatch = request.headers['if-match'] ?? '*';
      return response(clientId, change(clientId, readTwinChange(readJson(request)), ifMatch));
    });

  return [
    serviceRoute(hub, { ...common, method: 'GET', operation: 'twinReads' }, (request) => {
      const clientId = clientIdIn(request.segments);
      return response(clientId, hub.twins.get(clientId));
    }),
    update('PATCH', hub.twins.patch),
    update('PUT', hub.twins.replace),
  ];
}
