import type { Device, Register } from './hubfront';
import { newMessageId, randomBytes } from './messageId';

export interface DeviceSource {
  /** the device, once it is known */
  current: () => Device | undefined;
  /** Registers first where that has not been done; rejects as the page's `register` does. */
  get: () => Promise<Device>;
  /** The hub does not know the device: whether it can be registered anew. */
  renew: () => boolean;
  /** Forgets a device that was registered for this browser. */
  forget: () => void;
}

/** Keeps the device of this browser in localStorage, where there is one. */
export function createDeviceSource(name: string, given: Device | Register): DeviceSource {
  if (typeof given !== 'function') {
    return {
      current: () => given,
      get: () => Promise.resolve(given),
      renew: () => false,
      forget: () => undefined,
    };
  }
  const key = `${name} device`;
  let device: (Device & { registered?: boolean }) | undefined;
  let renewed = false;
  let registering: Promise<Device> | undefined;

  const read = () => {
    try {
      // Another tab may have registered meanwhile.
      if (!device?.registered)
        device = (JSON.parse(localStorage.getItem(key) ?? 'null') as typeof device | null) ?? device;
    } catch {
      // no storage, or nothing of ours in it
    }
    return device;
  };
  const keep = (made: typeof device): void => {
    device = made;
    try {
      localStorage.setItem(key, JSON.stringify(made));
    } catch {
      // no storage: each page is a device of its own
    }
  };

  const forget = (): void => {
    device = undefined;
    try {
      localStorage.removeItem(key);
    } catch {
      // no storage
    }
  };

  const register = async (): Promise<Device> => {
    const known = read();
    if (known?.registered) return known;
    const proposal = known ?? {
      deviceId: `web-${newMessageId()}`,
      deviceKey: btoa(String.fromCharCode(...randomBytes(32))),
    };
    keep(proposal);
    const { deviceId, deviceKey } = await given({ ...proposal });
    keep({ deviceId, deviceKey, registered: true });
    return { deviceId, deviceKey };
  };

  return {
    current: () => {
      const known = read();
      return known?.registered ? known : undefined;
    },
    get: () =>
      (registering ??= register().finally(() => {
        registering = undefined;
      })),
    renew: () => {
      if (renewed) return false;
      renewed = true;
      forget(); // a new device altogether: the old id may be disabled
      return true;
    },
    forget,
  };
}
