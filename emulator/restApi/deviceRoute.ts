import { authenticateDevice } from '../deviceAuthentication';
import type { Hub } from '../hub';
import type { HubResponse } from '../httpsServer';
import type { TelemetryOrigin } from '../partitionLog';
import { clientIdIn, type HubRequest, type Route } from './route';

/** An operation for devices, at `/devices/{id}/…`: it checks the device's token or certificate. */
export function deviceRoute(
  hub: Hub,
  route: Omit<Route, 'handle'>,
  handle: (origin: TelemetryOrigin, request: HubRequest) => HubResponse | Promise<HubResponse>,
): Route {
  return {
    ...route,
    handle(request) {
      const { origin } = authenticateDevice(hub, clientIdIn(request.segments.slice(0, 2)), {
        token: request.headers.authorization,
        resource: request.resource,
        certificate: request.clientCertificate,
        clockSkewSeconds: request.clockSkewSeconds,
      });
      return handle(origin, request);
    },
  };
}
