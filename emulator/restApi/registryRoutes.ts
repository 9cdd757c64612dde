import type { HubRequest, Route } from './route';
import type { HubResponse } from '../httpsServer';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { Permission } from '../wellKnown';
import { readJson, serviceRoute } from './serviceRoute';
import { bulkUpdate, deviceInput, LIST_MAX, type DeviceIdentity, type DeviceInput } from '../registry';

/** The identity registry's REST API (rest/api/iothub/service/devices). */
export function registryRoutes(hub: Hub): Route[] {
  const { registry } = hub;

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
      body: bulkUpdate(registry, readJson(request)),
    })),
    route('GET', ['statistics', 'service'], 'ServiceConnect', () => ({
      status: 200,
      body: { connectedDeviceCount: hub.connections.all().length },
    })),
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
  const parsed = deviceInput.safeParse(readJson(request));
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new IotHubError(
      'ArgumentInvalid',
      field === '' ? 'BadRequest' : `The device's ${field} is not valid.`,
    );
  }
  if (parsed.data.deviceId !== undefined && parsed.data.deviceId !== deviceId) {
    throw new IotHubError('ArgumentInvalid', 'The device id in the body differs from that in the path.');
  }
  return parsed.data;
}

function readTop(top: string | null): number {
  const wanted = top === null ? LIST_MAX : Number(top);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > LIST_MAX) {
    throw new IotHubError('ArgumentInvalid', `top must be 1 to ${LIST_MAX}.`);
  }
  return wanted;
}
