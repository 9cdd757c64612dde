/** The routes of module identities (rest/api/iothub/service/modules). */

import type { Hub } from '../hub';
import type { HubResponse } from '../httpsServer';
import { IotHubError } from '../iotHubError';
import { moduleInput, type ModuleIdentity, type ModuleInput } from '../registry';
import type { Permission } from '../wellKnown';
import { readIdentity } from './readIdentity';
import type { HubRequest, Route } from './route';
import { serviceRoute } from './serviceRoute';

const LIST = ['devices', '*', 'modules'];
const ONE = [...LIST, '*'];

export function moduleRoutes(hub: Hub): Route[] {
  const { modules } = hub;

  const route = (
    method: string,
    path: readonly string[],
    permission: Permission,
    handle: (request: HubRequest, deviceId: string, moduleId: string) => HubResponse,
  ): Route =>
    serviceRoute(hub, { target: 'registry', method, path, permission, operation: 'registry' }, (request) =>
      handle(request, request.segments[1] ?? '', request.segments[3] ?? ''),
    );

  return [
    route('GET', LIST, 'RegistryRead', (_request, deviceId) => ({
      status: 200,
      body: modules.listOf(deviceId),
    })),
    route('GET', ONE, 'RegistryRead', (_request, deviceId, moduleId) =>
      response(modules.get(deviceId, moduleId)),
    ),
    route('PUT', ONE, 'RegistryWrite', (request, deviceId, moduleId) => {
      const input = readModule(request, deviceId, moduleId);
      const ifMatch = request.headers['if-match'];
      return response(
        ifMatch === undefined
          ? modules.create(deviceId, moduleId, input)
          : modules.update(deviceId, moduleId, input, ifMatch),
      );
    }),
    route('DELETE', ONE, 'RegistryWrite', (request, deviceId, moduleId) => {
      modules.remove(deviceId, moduleId, request.headers['if-match'] ?? '*');
      return { status: 204 };
    }),
  ];
}

const response = (module: ModuleIdentity): HubResponse => ({ status: 200, body: module, etag: module.etag });

function readModule(request: HubRequest, deviceId: string, moduleId: string): ModuleInput {
  const input = readIdentity(request, moduleInput, 'module');
  if ((input.deviceId ?? deviceId) !== deviceId || (input.moduleId ?? moduleId) !== moduleId) {
    throw new IotHubError('ArgumentInvalid', 'The ids in the body differ from those in the path.');
  }
  return input;
}
