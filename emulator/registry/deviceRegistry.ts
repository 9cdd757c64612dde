import type { Journal } from '../dataFolder';
import { IotHubError } from '../iotHubError';
import {
  assertDeviceId,
  edgeDeviceIdOf,
  makeIdentity,
  type ConnectionState,
  type DeviceIdentity,
  type DeviceInput,
} from './deviceIdentity';

/** `GET /devices` returns at most this many devices (iot-hub-devguide-identity-registry). */
export const LIST_MAX = 1_000;

/** The kind of the registry's values in the journal. */
const KIND = 'device';
const keyOf = (deviceId: string) => `${KIND}/${deviceId}`;
/** Generation ids have 18 digits and increase with each device. */
const byRegistration = ({ identity: a }: KeptDevice, { identity: b }: KeptDevice) =>
  a.generationId < b.generationId ? -1 : 1;

/** The hub's identity registry. `get`, `create`, `update` and `remove` throw IotHubError. */
export interface DeviceRegistry {
  find(deviceId: string): DeviceIdentity | undefined;
  get(deviceId: string): DeviceIdentity;
  create(deviceId: string, input: DeviceInput): DeviceIdentity;
  /** `ifMatch`: an etag, with or without quotes, or `*`. */
  update(deviceId: string, input: DeviceInput, ifMatch: string): DeviceIdentity;
  remove(deviceId: string, ifMatch: string): void;
  list(top?: number): DeviceIdentity[];
  /** In the order of registration. */
  all(): Iterable<DeviceIdentity>;
  /** ISO 8601, UTC. */
  registeredAt(deviceId: string): string;
  count(): { total: number; enabled: number; disabled: number };
  clear(): void;
  /** Records the connection state of a device. Has no effect for a deleted device. */
  recordConnection(deviceId: string, state: ConnectionState): void;
  /** Records that a device has sent or received a message. Has no effect for a deleted device. */
  recordActivity(deviceId: string): void;
  /** Records the number of messages that wait for a device. Has no effect for a deleted device. */
  recordMessageCount(deviceId: string, cloudToDeviceMessageCount: number): void;
  /** Calls the listener after each change of an identity; with undefined after its deletion. */
  onChange(listener: IdentityListener): void;
}

export type IdentityListener = (deviceId: string, device: DeviceIdentity | undefined) => void;

/** What the journal keeps of a device. */
interface KeptDevice {
  readonly identity: DeviceIdentity;
  readonly registeredAt: string;
}

export function createDeviceRegistry(journal: Journal): DeviceRegistry {
  const devices = new Map<string, DeviceIdentity>();
  const registrations = new Map<string, string>();
  const listeners: IdentityListener[] = [];
  const kept = [...journal.read(KIND).values()] as KeptDevice[];
  for (const { identity, registeredAt } of kept.sort(byRegistration)) {
    // The queue sets the number of messages when it reads its own.
    const device = { ...identity, connectionState: 'Disconnected', cloudToDeviceMessageCount: 0 } as const;
    devices.set(identity.deviceId, device);
    registrations.set(identity.deviceId, registeredAt);
  }

  const store = (device: DeviceIdentity, registeredAt: string): DeviceIdentity => {
    journal.write([keyOf(device.deviceId), { identity: device, registeredAt } satisfies KeptDevice]);
    registrations.set(device.deviceId, registeredAt);
    devices.set(device.deviceId, device);
    for (const listener of listeners) listener(device.deviceId, device);
    return device;
  };
  const forget = (deviceId: string): void => {
    journal.write([keyOf(deviceId)]);
    devices.delete(deviceId);
    registrations.delete(deviceId);
    for (const listener of listeners) listener(deviceId, undefined);
  };
  /** Activity does not change the ETag of the identity. */
  const record = (deviceId: string, activity: Partial<DeviceIdentity>): void => {
    const device = devices.get(deviceId);
    if (device) Object.assign(device, activity);
  };

  const get = (deviceId: string): DeviceIdentity => {
    const device = devices.get(deviceId);
    if (!device) throw new IotHubError('DeviceNotFound', deviceId);
    return device;
  };

  const registeredAt = (deviceId: string): string => registrations.get(deviceId) ?? new Date().toISOString();

  const getMatching = (deviceId: string, ifMatch: string): DeviceIdentity => {
    const device = get(deviceId);
    const wanted = ifMatch.replace(/^(?:W\/)?"(.*)"$/, '$1');
    if (wanted !== '*' && wanted !== device.etag) {
      throw new IotHubError('PreconditionFailed', 'PreconditionFailed, ETag may be invalid.');
    }
    return device;
  };

  /** Checks the parents that a change has given to a device. @throws IotHubError ArgumentInvalid */
  const withKnownParents = (device: DeviceIdentity, previous?: DeviceIdentity): DeviceIdentity => {
    for (const scope of device.parentScopes ?? []) {
      const isKnown = devices.get(edgeDeviceIdOf(scope))?.deviceScope === scope;
      if (!isKnown && !previous?.parentScopes?.includes(scope)) {
        throw new IotHubError('ArgumentInvalid', 'A scope is not that of an edge device.');
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
      return store(withKnownParents(makeIdentity(deviceId, input)), new Date().toISOString());
    },
    update(deviceId, input, ifMatch) {
      const previous = getMatching(deviceId, ifMatch);
      const device = withKnownParents(makeIdentity(deviceId, input, previous), previous);
      return store(device, registeredAt(deviceId));
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
    registeredAt,
    clear: () => [...devices.keys()].forEach(forget),
    recordConnection(deviceId, connectionState) {
      const now = new Date().toISOString();
      record(deviceId, { connectionState, connectionStateUpdatedTime: now, lastActivityTime: now });
    },
    recordActivity: (deviceId) => record(deviceId, { lastActivityTime: new Date().toISOString() }),
    recordMessageCount: (deviceId, cloudToDeviceMessageCount) =>
      record(deviceId, { cloudToDeviceMessageCount }),
    onChange: (listener) => void listeners.push(listener),
  };
}
