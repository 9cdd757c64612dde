import type { Device, HubfrontOptions, Register } from './api';

/** Valid options with their defaults. */
export interface Options {
  /** without a trailing slash */
  endpoint: string;
  batchSize: number;
  batchTime: number;
  maxQueued: number;
  consent: boolean | undefined;
  device: Device | Register;
}

/** The maximum delay of a browser's timer in milliseconds, a signed 32-bit number. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws {TypeError} naming the option that is missing or wrong, without its value */
export function readOptions(options: HubfrontOptions): Options {
  // A page without TypeScript may pass anything.
  const {
    endpoint,
    batchSize = 20,
    batchTime = 2_000,
    maxQueued = 1_000,
    consent,
    register,
    ...device
  } = ((options as unknown) ?? {}) as Partial<Options & Device & { register: Register }>;
  check(isEndpoint(endpoint), 'endpoint must be a URL');
  for (const [name, value] of Object.entries({ batchSize, batchTime, maxQueued })) {
    // The bits of the maximum are all ones, so only an integer from 0 to the maximum equals its masked bits.
    check((value & MAX_TIMER_MS) === value, `${name} must be an integer`);
  }
  check(consent === undefined || typeof consent === 'boolean', 'consent must be a boolean');
  check(
    register === undefined
      ? isDevice(device)
      : typeof register === 'function' && device.deviceId === undefined,
    'give deviceId and deviceKey, or register',
  );
  return {
    endpoint: endpoint.replace(/\/+$/, ''),
    batchSize,
    batchTime,
    maxQueued,
    consent,
    device: register ?? (device as Device),
  };
}

export function isDevice(value: unknown): value is Device {
  const { deviceId, deviceKey } = (value ?? {}) as Partial<Device>;
  return [deviceId, deviceKey].every((text) => typeof text === 'string' && /^\S{1,256}$/.test(text));
}

/** An absolute URL, or a path on the page's own origin. */
function isEndpoint(value: unknown): value is string {
  try {
    // `fetch` rejects credentials in a URL. The client appends paths, so a query or fragment is not possible.
    return (
      typeof value === 'string' && /^(https?:\/)?\/[^?#@\s]+$/i.test(value) && !!new URL(value, 'https://x')
    );
  } catch {
    return false;
  }
}

function check(valid: boolean, text: string): asserts valid {
  if (!valid) throw new TypeError(`createHubfront: ${text}`);
}
