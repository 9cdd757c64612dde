/** Keeps the identities of devices and modules. */

import type { Journal } from '../dataFolder';
import { clientIdOf } from './clientId';
import type { DeviceIdentity } from './deviceIdentity';
import type { ModuleIdentity } from './moduleIdentity';

export type ClientIdentity = DeviceIdentity | ModuleIdentity;

/** What the journal keeps of an identity. */
interface Kept<Identity> {
  readonly identity: Identity;
  /** ISO 8601, UTC. */
  readonly registeredAt: string;
}

/** Called after each change of an identity, and after its deletion. */
export type ClientListener = (clientId: string) => void;

/** The identities of devices and modules, in memory and in the journal. */
export interface IdentityStore {
  /** By id, in the order of registration. */
  readonly devices: ReadonlyMap<string, DeviceIdentity>;
  /** By client id, in the order of registration. */
  readonly modules: ReadonlyMap<string, ModuleIdentity>;
  modulesOf(deviceId: string): ModuleIdentity[];
  /** Adds an identity, or replaces it. @throws IotHubError ServiceUnavailable */
  write(identity: ClientIdentity): void;
  /** Removes clients, all or none. @throws IotHubError ServiceUnavailable */
  remove(clientIds: readonly string[]): void;
  /** Changes properties that the journal does not keep. Has no effect for an unknown client. */
  record(clientId: string, activity: Partial<DeviceIdentity>): void;
  /** ISO 8601, UTC. */
  registeredAt(clientId: string): string;
  onChange(listener: ClientListener): void;
}

/** Generation ids have 18 digits and increase with each identity. */
const byRegistration = ({ identity: a }: Kept<ClientIdentity>, { identity: b }: Kept<ClientIdentity>) =>
  a.generationId < b.generationId ? -1 : 1;

/** The journal has values of two kinds. */
const keyOf = (clientId: string): string => `${clientId.includes('/') ? 'module' : 'device'}/${clientId}`;

export function createIdentityStore(journal: Journal): IdentityStore {
  const devices = new Map<string, DeviceIdentity>();
  const modules = new Map<string, ModuleIdentity>();
  const moduleIds = new Map<string, Set<string>>();
  const registrations = new Map<string, string>();
  const listeners: ClientListener[] = [];

  const keep = (identity: ClientIdentity, registeredAt: string): void => {
    const id = clientIdOf(identity);
    registrations.set(id, registeredAt);
    if (!('moduleId' in identity)) {
      devices.set(id, identity);
      return;
    }
    modules.set(id, identity);
    const ids = moduleIds.get(identity.deviceId) ?? new Set();
    moduleIds.set(identity.deviceId, ids.add(id));
  };
  for (const kind of ['device', 'module']) {
    const kept = [...journal.read(kind).values()] as Kept<ClientIdentity>[];
    for (const { identity, registeredAt } of kept.sort(byRegistration)) {
      // The queue sets the number of messages when it reads its stored messages.
      const restored = { connectionState: 'Disconnected', cloudToDeviceMessageCount: 0 } as const;
      keep({ ...identity, ...restored }, registeredAt);
    }
  }

  const registeredAt = (clientId: string): string => registrations.get(clientId) ?? new Date().toISOString();

  return {
    devices,
    modules,
    modulesOf: (deviceId) => [...(moduleIds.get(deviceId) ?? [])].flatMap((id) => modules.get(id) ?? []),
    write(identity) {
      const id = clientIdOf(identity);
      const kept: Kept<ClientIdentity> = { identity, registeredAt: registeredAt(id) };
      journal.write([keyOf(id), kept]);
      keep(identity, kept.registeredAt);
      for (const listener of listeners) listener(id);
    },
    remove(clientIds) {
      journal.write(...clientIds.map((id) => [keyOf(id)] as const));
      for (const id of clientIds) {
        const deviceId = modules.get(id)?.deviceId;
        if (deviceId === undefined) {
          devices.delete(id);
          moduleIds.delete(id);
        } else {
          modules.delete(id);
          moduleIds.get(deviceId)?.delete(id);
        }
        registrations.delete(id);
      }
      for (const id of clientIds) for (const listener of listeners) listener(id);
    },
    record(clientId, activity) {
      const identity = devices.get(clientId) ?? modules.get(clientId);
      if (identity) Object.assign(identity, activity);
    },
    registeredAt,
    onChange: (listener) => void listeners.push(listener),
  };
}
