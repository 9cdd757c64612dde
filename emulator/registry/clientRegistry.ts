import { IotHubError } from '../iotHubError';
import { clientIdOf, deviceIdOf, moduleIdOf } from './clientId';
import type { ConnectionState, DeviceIdentity } from './deviceIdentity';
import type { ClientIdentity, ClientListener, IdentityStore } from './identityStore';

/** A device or a module. */
export interface Client {
  readonly identity: ClientIdentity;
  /** The device itself, or the device of the module. Its status is that of its modules too. */
  readonly device: DeviceIdentity;
}

/** Devices and modules, for whatever treats them alike. An id is that of clientId.ts. */
export interface ClientRegistry {
  find(clientId: string): Client | undefined;
  /** @throws IotHubError DeviceNotFound, ModuleNotFound */
  get(clientId: string): Client;
  /** ISO 8601, UTC. */
  registeredAt(clientId: string): string;
  /** Records the connection state. Has no effect for a deleted client. */
  recordConnection(clientId: string, state: ConnectionState): void;
  /** Records that a client has sent a message. Has no effect for a deleted client. */
  recordActivity(clientId: string): void;
  /** Calls the listener after each change of an identity or of its device, and after a deletion. */
  onChange(listener: ClientListener): void;
}

export function createClientRegistry(store: IdentityStore): ClientRegistry {
  const { devices, modules } = store;
  const find = (clientId: string): Client | undefined => {
    const device = devices.get(deviceIdOf(clientId));
    const identity = moduleIdOf(clientId) === undefined ? device : modules.get(clientId);
    return device && identity && { device, identity };
  };
  return {
    find,
    get(clientId) {
      const client = find(clientId);
      if (client) return client;
      if (!devices.has(deviceIdOf(clientId))) throw new IotHubError('DeviceNotFound', deviceIdOf(clientId));
      throw moduleNotFound(clientId);
    },
    registeredAt: store.registeredAt,
    recordConnection(clientId, connectionState) {
      const now = new Date().toISOString();
      store.record(clientId, { connectionState, connectionStateUpdatedTime: now, lastActivityTime: now });
    },
    recordActivity: (clientId) => store.record(clientId, { lastActivityTime: new Date().toISOString() }),
    onChange(listener) {
      store.onChange((changedId) => {
        listener(changedId);
        for (const module of store.modulesOf(changedId)) listener(clientIdOf(module));
      });
    },
  };
}

export const moduleNotFound = (clientId: string): IotHubError =>
  new IotHubError(
    'ModuleNotFound',
    `Device ${deviceIdOf(clientId)} has no module ${moduleIdOf(clientId) ?? ''}.`,
  );
