import type { Device, Register } from './api';
import { newMessageId, randomBytes } from './messageId';
import { isDevice } from './options';
import { withTimeout } from './timeout';

/** Timeout of a registration, after which it is retried. */
const REGISTRATION_MS = 30_000;

/** The device of a client. */
export interface DeviceSource {
  /** The device, if it is registered. */
  current: () => Device | undefined;
  /** Registers the device if it is not registered. Rejects with the error of `register`. */
  get: () => Promise<Device>;
  /** Called when the hub has rejected the device. Returns true if another device exists or can be registered. */
  replace: (rejected: Device) => boolean;
  /** Drops a device that was registered for this browser. */
  forget: () => void;
}

/** A stored device, which is a proposal until it is registered. */
type Known = Device & { registered?: boolean };

/**
 * @param given the page's device, or a function that registers a device. A registered device is stored in localStorage,
 * or in memory if there is no localStorage
 */
export function createDeviceSource(name: string, given: Device | Register): DeviceSource {
  const key = `${name} device`;
  const register = typeof given === 'function' ? given : undefined;
  let known: Known | undefined = register ? undefined : { ...(given as Device), registered: true };
  let registering: Promise<Device> | undefined;
  let isReplaced = false;

  /** Another tab may have registered a device meanwhile. */
  const read = (): Known | undefined => {
    try {
      const stored = JSON.parse(localStorage.getItem(key) ?? '') as Known;
      if (isDevice(stored)) known = stored;
    } catch {
      // there is no localStorage, or no device in it
    }
    return known;
  };
  const write = (device: Known | undefined): void => {
    known = device;
    try {
      if (device) localStorage.setItem(key, JSON.stringify(device));
      else localStorage.removeItem(key);
    } catch {
      // Without localStorage, each page is a separate device.
    }
  };
  const current = (): Device | undefined => (read()?.registered ? known : undefined);

  const makeDevice = async (): Promise<Device> => {
    const device = current();
    if (device) return device;
    const { deviceId, deviceKey } = known ?? {
      deviceId: `web-${newMessageId()}`,
      deviceKey: btoa(String.fromCharCode(...randomBytes(32))),
    };
    write({ deviceId, deviceKey });
    const made = await withTimeout(Promise.resolve(register?.({ deviceId, deviceKey })), REGISTRATION_MS);
    if (!isDevice(made)) throw new TypeError('register must resolve with deviceId and deviceKey');
    // Unless it was deleted in the meantime.
    if (read()?.deviceId === deviceId) write({ ...made, registered: true });
    return made;
  };

  return {
    current,
    get: () =>
      (registering ??= makeDevice().finally(() => {
        registering = undefined;
      })),
    replace: (rejected) => {
      if (current() && known?.deviceId !== rejected.deviceId) return true;
      if (isReplaced || !register) return false;
      isReplaced = true;
      write(undefined); // the old id may be disabled, so the new device gets another one
      return true;
    },
    forget: () => {
      registering = undefined; // Also ignores the result of a registration that is in progress.
      if (register) write(undefined);
    },
  };
}
