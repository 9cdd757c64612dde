import { setImmediate } from 'node:timers/promises';
import type { Settings } from '../settings';
import type { Devices } from './devices';
import type { Feed } from './feed';
import { onDemand } from './onDemand';
import type { Telemetry } from './telemetry';

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

/**
 * Opens no connection by itself: the first request does, or `warmUp`. Nor is the code of a part run before it is used:
 * the instance that answers a page's event needs no AMQP for it, and loads in half the time without.
 */
export function createIotHub(settings: Settings): IotHub {
  const devices = onDemand(async () => (await import('./devices')).createDevices(settings));
  const telemetry = onDemand(async () => (await import('./telemetry')).createTelemetry(settings));
  const feed = onDemand(async () => (await import('./feed')).createFeed(settings));
  const hub: IotHub = {
    devices: {
      hostName: settings.hubHostName,
      register: async (...device) => (await devices.use()).register(...device),
      warmUp: async () => (await devices.use()).warmUp(),
      close: devices.close,
    },
    telemetry: {
      send: async (...messages) => (await telemetry.use()).send(...messages),
      warmUp: async () => (await telemetry.use()).warmUp(),
      close: telemetry.close,
    },
    feed: {
      poll: async (query) => (await feed.use()).poll(query),
      warmUp: async () => (await feed.use()).warmUp(),
      close: feed.close,
    },
    warmUp: async () => {
      const opening: Promise<void>[] = [];
      for (const part of [hub.telemetry, hub.devices, hub.feed]) {
        opening.push(part.warmUp().catch(() => undefined));
        await setImmediate(); // a request that has come meanwhile goes first
      }
      await Promise.all(opening);
    },
    close: () => {
      for (const part of [devices, telemetry, feed]) part.close();
    },
  };
  return hub;
}
