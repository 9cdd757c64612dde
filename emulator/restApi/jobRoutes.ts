/** Bulk import and export of devices (rest/api/iothub/service/jobs). */

import type { Hub } from '../hub';
import type { HubResponse } from '../httpsServer';
import { jobRequest } from '../importExport';
import { IotHubError, notImplemented } from '../iotHubError';
import type { Permission } from '../wellKnown';
import { notEmulated } from './notEmulated';
import type { HubRequest, Route } from './route';
import { readJson, serviceRoute } from './serviceRoute';

export function jobRoutes(hub: Hub): Route[] {
  const route = (
    method: string,
    path: readonly string[],
    permission: Permission,
    handle: (request: HubRequest) => HubResponse,
  ): Route =>
    serviceRoute(hub, { target: 'registry', method, path, permission, operation: 'registry' }, handle);
  /** @throws IotHubError NotImplemented for `/jobs/v2`, which is no id */
  const jobIdOf = ({ segments }: HubRequest): string => {
    const unsupported = notEmulated(segments);
    if (unsupported) throw unsupported;
    return segments[1] ?? '';
  };

  return [
    route('POST', ['jobs', 'create'], 'RegistryWrite', (request) => {
      const parsed = jobRequest.safeParse(readJson(request));
      if (!parsed.success) {
        const field = parsed.error.issues[0]?.path.join('.') ?? '';
        throw new IotHubError('ArgumentInvalid', `The job's ${field === '' ? 'type' : field} is not valid.`);
      }
      if (parsed.data.storageAuthenticationType === 'identityBased') {
        throw notImplemented('jobs that access the storage by a managed identity');
      }
      return { status: 200, body: hub.jobs.create(parsed.data) };
    }),
    route('GET', ['jobs'], 'RegistryRead', () => ({ status: 200, body: hub.jobs.list() })),
    route('GET', ['jobs', '*'], 'RegistryRead', (request) => ({
      status: 200,
      body: hub.jobs.get(jobIdOf(request)),
    })),
    route('DELETE', ['jobs', '*'], 'RegistryWrite', (request) => ({
      status: 200,
      body: hub.jobs.cancel(jobIdOf(request)),
    })),
  ];
}
