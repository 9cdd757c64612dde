import type { Settings } from '../settings';
import { type Devices, createDevices } from './devices';
import { type Feed, createFeed } from './feed';
import { type Telemetry, createTelemetry } from './telemetry';

export { type After, parseAfterOffset } from './cursor';
export type { DeviceIdentity } from './devices';
export type { FeedQuery } from './feed';
export type { FeedAnswer } from './feedAnswer';
export { createFeedFormats } from './feedFormats';
export { isMessageId, requireDeviceId, requireDeviceKey } from './rules';
export type { Verdict } from './telemetry';
export type { TelemetryMessage } from './telemetryMessage';

/** The one IoT Hub client of the app. Made once, at module load: its connections are reused by every request. */
export interface IotHub {
  devices: Devices;
  telemetry: Telemetry;
  feed: Feed;
  /** Opens the connections of all three. Never fails: what cannot be opened now is opened by whoever needs it. */
  warmUp: () => Promise<void>;
  close: () => void;
}

/** Opens no connection by itself: the first request does, or `warmUp`. */
export function createIotHub(settings: Settings): IotHub {
  const devices = createDevices(settings);
  const telemetry = createTelemetry(settings);
  const feed = createFeed(settings);
  return {
    devices,
    telemetry,
    feed,
    warmUp: async () => {
      await Promise.allSettled([devices, telemetry, feed].map((part) => part.warmUp()));
    },
    close: () => {
      devices.close();
      telemetry.close();
      feed.close();
    },
  };
}
