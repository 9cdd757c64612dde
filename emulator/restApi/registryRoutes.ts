import type { HubRequest, Route } from './route';
import type { HubResponse } from '../httpsServer';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { Permission } from '../wellKnown';
import { readIdentity } from './readIdentity';
import { readJson, serviceRoute } from './serviceRoute';
import {
  bulkUpdate,
  deviceInput,
  LIST_MAX,
  moduleIdOf,
  type DeviceIdentity,
  type DeviceInput,
} from '../registry';

/** The identity registry's REST API (rest/api/iothub/service/devices). */
export function registryRoutes(hub: Hub): Route[] {
  const { registry, modules } = hub;

  const route = (
    method: string,
    path: readonly string[],
    permission: Permission,
    handle: (request: HubRequest, deviceId: string) => HubResponse,
  ): Route =>
    serviceRoute(hub, { target: 'registry', method, path, permission, operation: 'registry' }, (request) =>
      handle(request, request.segments[1] ?? ''),
    );

  return [
    route('PUT', ['devices', '*'], 'RegistryWrite', (request, deviceId) => {
      const input = readDevice(request, deviceId);
      const ifMatch = request.headers['if-match'];
      return identity(
        ifMatch === undefined ? registry.create(deviceId, input) : registry.update(deviceId, input, ifMatch),
      );
    }),
    route('GET', ['devices', '*'], 'RegistryRead', (_request, deviceId) => identity(registry.get(deviceId))),
    route('DELETE', ['devices', '*'], 'RegistryWrite', (request, deviceId) => {
      registry.remove(deviceId, request.headers['if-match'] ?? '*');
      return { status: 204 };
    }),
    route('GET', ['devices'], 'RegistryRead', (request) => ({
      status: 200,
      body: registry.list(readTop(request.query.get('top'))),
    })),
    route('POST', ['devices'], 'RegistryWrite', (request) => ({
      status: 200,
      body: bulkUpdate({ devices: registry, modules }, readJson(request)),
    })),
    route('GET', ['statistics', 'service'], 'ServiceConnect', () => {
      const devices = hub.connections.all().filter(({ clientId }) => moduleIdOf(clientId) === undefined);
      return { status: 200, body: { connectedDeviceCount: devices.length } };
    }),
    route('GET', ['statistics', 'devices'], 'RegistryRead', () => {
      const { total, enabled, disabled } = registry.count();
      return {
        status: 200,
        body: { totalDeviceCount: total, enabledDeviceCount: enabled, disabledDeviceCount: disabled },
      };
    }),
  ];
}

const identity = (device: DeviceIdentity): HubResponse => ({ status: 200, body: device, etag: device.etag });

function readDevice(request: HubRequest, deviceId: string): DeviceInput {
  const input = readIdentity(request, deviceInput, 'device');
  if (input.deviceId !== undefined && input.deviceId !== deviceId) {
    throw new IotHubError('ArgumentInvalid', 'The device id in the body differs from that in the path.');
  }
  return input;
}

function readTop(top: string | null): number {
  const wanted = top === null ? LIST_MAX : Number(top);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > LIST_MAX) {
    throw new IotHubError('ArgumentInvalid', `top must be 1 to ${LIST_MAX}.`);
  }
  return wanted;
}
