import type { Settings } from '../settings';
import { createHubAgent, openConnection } from './connection';
import { type Devices, createDevices } from './devices';
import { type Feed, createFeed } from './feed';
import { type Telemetry, createTelemetry } from './telemetry';

export { type After, parseAfterOffset } from './cursor';
export type { DeviceIdentity } from './devices';
export type { FeedQuery } from './feed';
export { createFeedFormats } from './feedFormats';
export { requireDeviceId, requireDeviceKey, requireMessageId, requireProperties } from './rules';
export type { TelemetryMessage } from './telemetry';

/** The one IoT Hub client of the app. Made once, at module load: its connections are reused by every request. */
export interface IotHub {
  devices: Devices;
  telemetry: Telemetry;
  feed: Feed;
  /** Opens a connection to the hub for `devices` and `telemetry`. */
  warmUp: () => Promise<void>;
  close: () => void;
}

/** Opens no connection by itself: the first request does, or `warmUp` and `feed.warmUp`. */
export function createIotHub(settings: Settings): IotHub {
  const agent = createHubAgent(settings);
  const telemetry = createTelemetry(settings, agent);
  const feed = createFeed(settings);
  return {
    devices: createDevices(settings, agent),
    telemetry,
    feed,
    warmUp: () => openConnection(settings.hubHostName, agent),
    close: () => {
      telemetry.close();
      feed.close();
      agent.destroy();
    },
  };
}
