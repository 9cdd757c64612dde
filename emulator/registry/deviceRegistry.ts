import { IotHubError } from '../iotHubError';
import { assertDeviceId, makeIdentity, type DeviceIdentity, type DeviceInput } from './deviceIdentity';

/** `GET /devices` returns at most this many devices (iot-hub-devguide-identity-registry). */
export const LIST_MAX = 1_000;

/** The hub's identity registry, in memory. All methods except the two look-ups throw IotHubError. */
export interface DeviceRegistry {
  find(deviceId: string): DeviceIdentity | undefined;
  get(deviceId: string): DeviceIdentity;
  create(deviceId: string, input: DeviceInput): DeviceIdentity;
  /** `ifMatch`: an etag, with or without quotes, or `*`. */
  update(deviceId: string, input: DeviceInput, ifMatch: string): DeviceIdentity;
  remove(deviceId: string, ifMatch: string): void;
  list(top?: number): DeviceIdentity[];
  count(): { total: number; enabled: number; disabled: number };
  clear(): void;
}

export function createDeviceRegistry(): DeviceRegistry {
  const devices = new Map<string, DeviceIdentity>();

  const get = (deviceId: string): DeviceIdentity => {
    const device = devices.get(deviceId);
    if (!device) throw new IotHubError('DeviceNotFound', deviceId);
    return device;
  };

  const getMatching = (deviceId: string, ifMatch: string): DeviceIdentity => {
    const device = get(deviceId);
    const wanted = ifMatch.replace(/^(?:W\/)?"(.*)"$/, '$1');
    if (wanted !== '*' && wanted !== device.etag) {
      throw new IotHubError('PreconditionFailed', 'PreconditionFailed, ETag may be invalid.');
    }
    return device;
  };

  return {
    find: (deviceId) => devices.get(deviceId),
    get,
    create(deviceId, input) {
      assertDeviceId(deviceId);
      if (devices.has(deviceId)) {
        throw new IotHubError('DeviceAlreadyExists', `A device with ID '${deviceId}' is already registered.`);
      }
      const device = makeIdentity(deviceId, input);
      devices.set(deviceId, device);
      return device;
    },
    update(deviceId, input, ifMatch) {
      const device = makeIdentity(deviceId, input, getMatching(deviceId, ifMatch));
      devices.set(deviceId, device);
      return device;
    },
    remove(deviceId, ifMatch) {
      getMatching(deviceId, ifMatch);
      devices.delete(deviceId);
    },
    list(top = LIST_MAX) {
      const listed: DeviceIdentity[] = [];
      for (const device of devices.values()) {
        if (listed.length >= top) break;
        listed.push(device);
      }
      return listed;
    },
    count() {
      let enabled = 0;
      for (const device of devices.values()) if (device.status === 'enabled') enabled++;
      return { total: devices.size, enabled, disabled: devices.size - enabled };
    },
    clear: () => devices.clear(),
  };
}
