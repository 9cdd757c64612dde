import { setImmediate } from 'node:timers/promises';
import type { Settings } from '../settings';
import type { Devices } from './devices';
import type { Feed } from './feed';
import { watchFreezes } from './freezes';
import { type Part, createPart } from './part';
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
  devices: Omit<Devices, 'close'>;
  telemetry: Omit<Telemetry, 'close'>;
  feed: Omit<Feed, 'close'>;
  /** Opens the connections of all three. Never fails: what cannot be opened now is opened by whoever needs it. */
  warmUp: () => Promise<void>;
  close: () => void;
}

/**
 * Opens no connection by itself: the first request does, or `warmUp`. Nor is the code of a part run before it is used:
 * the instance that answers a page's event needs no AMQP for it, and loads in half the time without.
 */
export function createIotHub(settings: Settings): IotHub {
  const freezes = watchFreezes();
  const devices = createPart(freezes, async () => (await import('./devices')).createDevices(settings));
  const telemetry = createPart(freezes, async () => (await import('./telemetry')).createTelemetry(settings));
  const feed = createPart(freezes, async () => (await import('./feed')).createFeed(settings));
  const parts: Part<{ warmUp: () => Promise<void> }>[] = [telemetry, devices, feed];
  return {
    devices: {
      hostName: settings.hubHostName,
      register: (...device) => devices.run((part) => part.register(...device)),
      warmUp: () => devices.run((part) => part.warmUp()),
    },
    telemetry: {
      send: (...messages) => telemetry.run((part) => part.send(...messages)),
      warmUp: () => telemetry.run((part) => part.warmUp()),
    },
    feed: {
      poll: (query) => feed.run((part) => part.poll(query)),
      warmUp: () => feed.run((part) => part.warmUp()),
    },
    warmUp: async () => {
      const opening: Promise<void>[] = [];
      for (const part of parts) {
        opening.push(part.run(({ warmUp }) => warmUp()).catch(() => undefined));
        await setImmediate(); // a request that has come meanwhile goes first
      }
      await Promise.all(opening);
    },
    close: () => {
      freezes.close();
      for (const part of parts) part.close();
    },
  };
}
