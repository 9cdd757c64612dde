import { IotHubError } from '../iotHubError';
import { clientIdOf } from './clientId';
import { moduleNotFound } from './clientRegistry';
import { assertMatches } from './etag';
import type { IdentityStore } from './identityStore';
import { assertModuleId, makeModule, type ModuleIdentity, type ModuleInput } from './moduleIdentity';

/** iot-hub-devguide-module-twins: "under each device identity, you can create up to 50 module identities". */
export const MAX_MODULES_PER_DEVICE = 50;

/** The modules of the hub's devices. `get`, `create`, `update`, `remove` and `listOf` throw IotHubError. */
export interface ModuleRegistry {
  find(deviceId: string, moduleId: string): ModuleIdentity | undefined;
  get(deviceId: string, moduleId: string): ModuleIdentity;
  create(deviceId: string, moduleId: string, input: ModuleInput): ModuleIdentity;
  /** `ifMatch`: an etag, with or without quotes, or `*`. */
  update(deviceId: string, moduleId: string, input: ModuleInput, ifMatch: string): ModuleIdentity;
  remove(deviceId: string, moduleId: string, ifMatch: string): void;
  /** In the order of registration. */
  listOf(deviceId: string): ModuleIdentity[];
  /** Those of all devices, in the order of registration. */
  all(): Iterable<ModuleIdentity>;
}

export function createModuleRegistry(store: IdentityStore): ModuleRegistry {
  const assertDevice = (deviceId: string): void => {
    if (!store.devices.has(deviceId)) throw new IotHubError('DeviceNotFound', deviceId);
  };
  const get = (deviceId: string, moduleId: string): ModuleIdentity => {
    assertDevice(deviceId);
    const clientId = clientIdOf({ deviceId, moduleId });
    const found = store.modules.get(clientId);
    if (!found) throw moduleNotFound(clientId);
    return found;
  };
  const getMatching = (deviceId: string, moduleId: string, ifMatch: string): ModuleIdentity => {
    const found = get(deviceId, moduleId);
    assertMatches(found, ifMatch);
    return found;
  };
  const write = (module: ModuleIdentity): ModuleIdentity => {
    store.write(module);
    return module;
  };

  return {
    find: (deviceId, moduleId) => store.modules.get(clientIdOf({ deviceId, moduleId })),
    get,
    create(deviceId, moduleId, input) {
      assertDevice(deviceId);
      assertModuleId(moduleId);
      if (store.modules.has(clientIdOf({ deviceId, moduleId }))) {
        throw new IotHubError(
          'ModuleAlreadyExistsOnDevice',
          `Device ${deviceId} already contains Module ${moduleId}.`,
        );
      }
      if (store.modulesOf(deviceId).length >= MAX_MODULES_PER_DEVICE) {
        throw new IotHubError(
          'TooManyModulesOnDevice',
          `A device has at most ${MAX_MODULES_PER_DEVICE} modules.`,
        );
      }
      return write(makeModule(deviceId, moduleId, input));
    },
    update(deviceId, moduleId, input, ifMatch) {
      return write(makeModule(deviceId, moduleId, input, getMatching(deviceId, moduleId, ifMatch)));
    },
    remove(deviceId, moduleId, ifMatch) {
      getMatching(deviceId, moduleId, ifMatch);
      store.remove([clientIdOf({ deviceId, moduleId })]);
    },
    listOf(deviceId) {
      assertDevice(deviceId);
      return store.modulesOf(deviceId);
    },
    all: () => store.modules.values(),
  };
}
