import { IotHubError } from '../iotHubError';
import {
  assertDeviceId,
  edgeDeviceIdOf,
  makeIdentity,
  type DeviceIdentity,
  type DeviceInput,
} from './deviceIdentity';
import { clientIdOf, deviceIdOf } from './clientId';
import { assertMatches } from './etag';
import type { IdentityStore } from './identityStore';

/** `GET /devices` returns at most this many devices (iot-hub-devguide-identity-registry). */
export const LIST_MAX = 1_000;

/** The hub's identity registry. `get`, `create`, `update` and `remove` throw IotHubError. */
export interface DeviceRegistry {
  find(deviceId: string): DeviceIdentity | undefined;
  get(deviceId: string): DeviceIdentity;
  create(deviceId: string, input: DeviceInput): DeviceIdentity;
  /** `ifMatch`: an etag, with or without quotes, or `*`. */
  update(deviceId: string, input: DeviceInput, ifMatch: string): DeviceIdentity;
  /** Removes the device with its modules. */
  remove(deviceId: string, ifMatch: string): void;
  list(top?: number): DeviceIdentity[];
  /** In the order of registration. */
  all(): Iterable<DeviceIdentity>;
  count(): { total: number; enabled: number; disabled: number };
  clear(): void;
  /** Records that a device has received a message. Has no effect for a deleted device. */
  recordActivity(deviceId: string): void;
  /** Records the number of messages that wait for a device. Has no effect for a deleted device. */
  recordMessageCount(deviceId: string, cloudToDeviceMessageCount: number): void;
  /** Calls the listener after each change of a device's identity; with undefined after its deletion. */
  onChange(listener: IdentityListener): void;
}

export type IdentityListener = (deviceId: string, device: DeviceIdentity | undefined) => void;

export function createDeviceRegistry(identities: IdentityStore): DeviceRegistry {
  const { devices } = identities;

  const store = (device: DeviceIdentity): DeviceIdentity => {
    identities.write(device);
    return device;
  };
  const forget = (deviceId: string): void => {
    identities.remove([...identities.modulesOf(deviceId).map(clientIdOf), deviceId]);
  };

  const get = (deviceId: string): DeviceIdentity => {
    const device = devices.get(deviceId);
    if (!device) throw new IotHubError('DeviceNotFound', deviceId);
    return device;
  };

  const getMatching = (deviceId: string, ifMatch: string): DeviceIdentity => {
    const device = get(deviceId);
    assertMatches(device, ifMatch);
    return device;
  };

  /** Checks the parents that a change has given to a device. @throws IotHubError ArgumentInvalid */
  const withKnownParents = (device: DeviceIdentity, previous?: DeviceIdentity): DeviceIdentity => {
    for (const scope of device.parentScopes ?? []) {
      const isKnown = devices.get(edgeDeviceIdOf(scope))?.deviceScope === scope;
      if (!isKnown && !previous?.parentScopes?.includes(scope)) {
        throw new IotHubError('ArgumentInvalid', 'A device scope must be the scope of an edge device.');
      }
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
      return store(withKnownParents(makeIdentity(deviceId, input)));
    },
    update(deviceId, input, ifMatch) {
      const previous = getMatching(deviceId, ifMatch);
      return store(withKnownParents(makeIdentity(deviceId, input, previous), previous));
    },
    remove(deviceId, ifMatch) {
      getMatching(deviceId, ifMatch);
      forget(deviceId);
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
    all: () => devices.values(),
    clear: () => [...devices.keys()].forEach(forget),
    recordActivity: (deviceId) => identities.record(deviceId, { lastActivityTime: new Date().toISOString() }),
    recordMessageCount: (deviceId, cloudToDeviceMessageCount) =>
      identities.record(deviceId, { cloudToDeviceMessageCount }),
    onChange(listener) {
      identities.onChange((clientId) => {
        if (deviceIdOf(clientId) === clientId) listener(clientId, devices.get(clientId));
      });
    },
  };
}
