/** Handles the requests to the hub's REST API: finds the route, applies faults, and reads the request. */

import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { isApiVersion } from '../apiVersion';
import { faultError } from '../faultError';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import { readBody, type Outcome } from '../httpsServer';
import { LOOPBACK } from '../listen';
import { parseUrl } from '../parseUrl';
import { clientCertificate, hostNameOf } from '../transport';
import { feedbackRoutes } from './feedbackRoutes';
import { fileRoutes } from './fileRoutes';
import { jobRoutes } from './jobRoutes';
import { notEmulated } from './notEmulated';
import { messageRoutes } from './messageRoutes';
import { methodRoutes } from './methodRoutes';
import { moduleRoutes } from './moduleRoutes';
import { queryRoute } from './queryRoute';
import { registryRoutes } from './registryRoutes';
import { deviceIdIn, matchesPath, type HubRequest } from './route';
import { telemetryRoute } from './telemetryRoute';
import { twinRoutes } from './twinRoutes';

const IPV6_LOOPBACK = '::1';

/** Handles requests to the hub's REST API. Throws an IotHubError for every rejected request. */
export function createHubHandler(hub: Hub): (request: IncomingMessage) => Promise<Outcome> {
  const routes = [
    telemetryRoute(hub),
    ...twinRoutes(hub),
    ...methodRoutes(hub),
    queryRoute(hub),
    ...messageRoutes(hub),
    ...feedbackRoutes(hub),
    ...fileRoutes(hub),
    ...jobRoutes(hub),
    ...registryRoutes(hub),
    ...moduleRoutes(hub),
  ];

  return async (incoming) => {
    const method = incoming.method ?? '';
    const { segments, query } = parseUrl(
      incoming.url ?? '/',
      (message) => new IotHubError('ArgumentInvalid', message),
    );
    const route = routes.find((candidate) => candidate.method === method && matchesPath(candidate, segments));
    if (!route) {
      incoming.resume();
      throw (
        notEmulated(segments) ??
        (routes.some((candidate) => matchesPath(candidate, segments))
          ? new IotHubError('GenericMethodNotAllowed', `The method ${method} is not allowed here.`)
          : new IotHubError('InvalidOperation', 'IoT Hub has no operation at this path.'))
      );
    }
    const body = await readBody(incoming, route.maxBodyBytes);
    hub.requests[route.target]++;
    const fault = hub.faults.applyHttps({ target: route.target, method, deviceId: deviceIdIn(segments) });
    const error = fault && faultError(fault, hub.identity.name);
    if (error) throw error;
    if (fault?.kind === 'hang') return 'silence';
    if (fault?.kind === 'resetBefore') return 'reset';
    if (fault?.kind === 'slow') await delay(fault.delayMs);

    if (!isApiVersion(query.get('api-version') ?? '')) {
      throw new IotHubError('InvalidProtocolVersion', 'The api-version is missing or unknown.');
    }
    if (body === 'too large') {
      throw new IotHubError('MessageTooLarge', `The request body exceeds ${route.maxBodyBytes} bytes.`);
    }
    const request: HubRequest = {
      method,
      segments,
      query,
      body,
      resource: `${hub.identity.hostName}/${segments.join('/')}`,
      headers: incoming.headers,
      rawHeaders: incoming.rawHeaders,
      emulatorHost: () => emulatorHostOf(incoming, hub.identity.hostName),
      clientCertificate: () => clientCertificate(incoming.socket),
      clockSkewSeconds: fault?.kind === 'clockSkew' ? fault.seconds : 0,
    };
    const response = await route.handle(request);
    return fault?.kind === 'resetAfter' ? 'reset' : response;
  };
}

/**
 * The Host header. A local client may use the hub's name without being able to resolve it, for example with an agent of
 * its own, so that it gets the address instead.
 */
function emulatorHostOf({ headers, socket }: IncomingMessage, hubHostName: string): string {
  const { host = '' } = headers;
  const { localAddress = '', localPort = 0 } = socket;
  const isLocal = localAddress === IPV6_LOOPBACK || localAddress.endsWith(LOOPBACK);
  if (!isLocal || hostNameOf(host) !== hubHostName) return host;
  return `${localAddress === IPV6_LOOPBACK ? `[${IPV6_LOOPBACK}]` : LOOPBACK}:${localPort}`;
}
