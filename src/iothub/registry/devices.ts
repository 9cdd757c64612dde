import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Registry } from 'azure-iothub';
import { Problem } from '../../errorCodes';
import type { Settings } from '../../settings';
import { createHubAgent, openAgentConnection } from './hubAgent';
import { createRegistry } from './registryClient';
import { unlessAborted, withTimeLimit } from '../../resilience/deadline';
import { registryProblem, wasNeverSent } from '../errors';
import { withRetries } from '../../resilience/retry';

/** Size of the keys that IoT Hub generates. */
const GENERATED_KEY_BYTES = 32;

/** The hub's identity JSON: `deviceId`, `generationId`, `etag`, `status`, `authentication` … */
export type DeviceIdentity = Awaited<ReturnType<Registry['get']>>['responseBody'];

export interface Devices {
  /** host name of the hub, for devices that send directly */
  readonly hostName: string;
  /**
   * Registers a device. A client that proposes a key can repeat the request after a lost response: if the device
   * exists with that key, its identity is returned with `created: false`.
   *
   * @throws {Problem} `device_exists`, `hub_throttled`, `hub_quota_exceeded`, `hub_access_denied`,
   * `hub_unavailable`, `hub_timeout`
   */
  register: (deviceId: string, deviceKey?: string) => Promise<{ created: boolean; identity: DeviceIdentity }>;
  /**
   * Registers a device that this app owns, unless it exists with one of these keys. If the device has other keys, they
   * are replaced.
   *
   * @throws {Problem} as `register`
   */
  ensure: (deviceId: string, keys: { primary: string; secondary: string }) => Promise<void>;
  /** Opens a connection to the hub. @throws {Problem} `hub_unavailable`, `hub_timeout` */
  warmUp: () => Promise<void>;
  close: () => void;
}

export function createDevices(settings: Settings): Devices {
  const agent = createHubAgent(settings);
  const registry = createRegistry(settings, agent);

  async function register(deviceId: string, deviceKey?: string) {
    const symmetricKey =
      deviceKey === undefined
        ? undefined // the hub generates both
        : { primaryKey: deviceKey, secondaryKey: randomBytes(GENERATED_KEY_BYTES).toString('base64') };
    try {
      const { responseBody } = await registry.create({
        deviceId,
        ...(symmetricKey && { authentication: { type: 'sas', symmetricKey } }),
      });
      return { created: true, identity: responseBody };
    } catch (error) {
      if ((error as Error).name !== 'DeviceAlreadyExistsError') throw error;
      const identity = await proveOwnership(deviceId, deviceKey);
      return { created: false, identity };
    }
  }

  /** Repeats a registration whose response may have been lost. @param lost the error of the first attempt */
  async function registerAgain(deviceId: string, deviceKey: string | undefined, lost: unknown) {
    // Without a proposed key, the retry cannot distinguish its own device from somebody else's.
    if (deviceKey === undefined && !wasNeverSent(lost) && (await exists(deviceId))) throw lost;
    return register(deviceId, deviceKey);
  }

  async function exists(deviceId: string): Promise<boolean> {
    try {
      await registry.get(deviceId);
      return true;
    } catch (error) {
      if ((error as Error).name === 'DeviceNotFoundError') return false;
      throw error;
    }
  }

  async function proveOwnership(deviceId: string, deviceKey: string | undefined): Promise<DeviceIdentity> {
    const exists = new Problem(
      'device_exists',
      'A device with this id is registered with another device key.',
    );
    if (deviceKey === undefined) throw exists;
    const { responseBody: identity } = await registry.get(deviceId);
    const { primaryKey, secondaryKey } = identity.authentication?.symmetricKey ?? {};
    // Always compare both keys, so that the time does not depend on which one matches.
    const isPrimary = equalInConstantTime(deviceKey, primaryKey);
    const isSecondary = equalInConstantTime(deviceKey, secondaryKey);
    if (!isPrimary && !isSecondary) throw exists;
    return identity;
  }

  async function ensure(deviceId: string, { primary, secondary }: { primary: string; secondary: string }) {
    const authentication = { type: 'sas', symmetricKey: { primaryKey: primary, secondaryKey: secondary } };
    try {
      await registry.create({ deviceId, authentication });
    } catch (error) {
      if ((error as Error).name !== 'DeviceAlreadyExistsError') throw error;
      const { responseBody: identity } = await registry.get(deviceId);
      const { primaryKey, secondaryKey } = identity.authentication?.symmetricKey ?? {};
      const isAccepted = [primaryKey, secondaryKey].some((key) => equalInConstantTime(primary, key));
      if (isAccepted && identity.status === 'enabled') return;
      await registry.update({ deviceId, status: 'enabled', authentication });
    }
  }

  return {
    hostName: settings.hubHostName,
    ensure: (deviceId, keys) =>
      withTimeLimit(settings.hubDeadlineMs, (signal) =>
        withRetries(() => unlessAborted(ensure(deviceId, keys), signal), signal, isTransient),
      ).catch((error: unknown) => {
        throw registryProblem(error);
      }),
    register: (deviceId, deviceKey) =>
      withTimeLimit(settings.hubDeadlineMs, (signal) => {
        let lost: unknown;
        return withRetries(
          async () => {
            const registered =
              lost === undefined ? register(deviceId, deviceKey) : registerAgain(deviceId, deviceKey, lost);
            return unlessAborted(registered, signal);
          },
          signal,
          (error) => {
            lost = error;
            return isTransient(error);
          },
        );
      }).catch((error: unknown) => {
        throw registryProblem(error);
      }),
    warmUp: () => openAgentConnection(settings, agent),
    close: () => {
      agent.destroy();
    },
  };
}

/** If the device was deleted after the conflict, register it again. */
function isTransient(error: unknown): boolean {
  return (error as Error).name === 'DeviceNotFoundError' || registryProblem(error).code === 'hub_unavailable';
}

/** Compares digests in constant time: neither the length nor the first difference affects the duration. */
function equalInConstantTime(a: string, b: string | null | undefined): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b ?? '')) && b != null;
}
