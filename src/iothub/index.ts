/** The IoT Hub client of the app: devices, telemetry and feed. */

import { setImmediate } from 'node:timers/promises';
import type { Settings } from '../settings';
import { type Visitors, createVisitors } from '../visitors';
import type { SendOutcome } from './telemetry/sendOutcome';
import type { TelemetryMessage } from './telemetry/telemetryMessage';
import type { Devices } from './registry/devices';
import type { Feed } from './feed/feed';
import { createSuspendDetector } from '../resilience/suspendDetector';
import { type RecreatableClient, createRecreatableClient } from '../resilience/recreatableClient';
import type { Telemetry } from './telemetry/telemetry';

export { type StartPosition, parseAfterOffset } from './feed/cursor';
export type { DeviceIdentity } from './registry/devices';
export type { FeedQuery } from './feed/feed';
export type { FeedPage } from './feed/feedPage';
export { createFeedFormats } from './feed/feedFormats';
export { isMessageId, requireDeviceId, requireDeviceKey } from './validation';
export type { SendOutcome } from './telemetry/sendOutcome';
export type { TelemetryMessage } from './telemetry/telemetryMessage';

/** The IoT Hub client of the app. It is created once, at module load, and all requests share its connections. */
export interface IotHub {
  devices: Omit<Devices, 'close' | 'ensure'>;
  telemetry: Omit<Telemetry, 'close' | 'sendAsVisitor'> & {
    /** Sends messages of a visitor through its gateway, which is registered on first use. */
    sendAsVisitor: (visitorId: string, messages: readonly TelemetryMessage[]) => Promise<SendOutcome[]>;
  };
  /** Undefined: visitors are off, and every id belongs to an ordinary device. */
  visitors: Visitors | undefined;
  feed: Omit<Feed, 'close'>;
  /** Opens all connections. Does not fail: if a connection cannot be opened now, the first request opens it. */
  warmUp: () => Promise<void>;
  close: () => void;
}

/**
 * The connections are opened by the first request or `warmUp`, not by this function. Each of the three clients is
 * loaded on first use: an instance that serves pages needs no AMQP, and loads in half the time without it.
 */
export function createIotHub(settings: Settings): IotHub {
  const suspendDetector = createSuspendDetector();
  const devices = createRecreatableClient(suspendDetector, async () =>
    (await import('./registry/devices')).createDevices(settings),
  );
  const telemetry = createRecreatableClient(suspendDetector, async () =>
    (await import('./telemetry/telemetry')).createTelemetry(settings),
  );
  const feed = createRecreatableClient(suspendDetector, async () =>
    (await import('./feed/feed')).createFeed(settings),
  );
  const clients: RecreatableClient<{ warmUp: () => Promise<void> }>[] = [telemetry, devices, feed];
  const visitors = settings.visitors && createVisitors(settings.visitors, settings.hubHostName);
  const ensureGateway = async (gatewayId: string): Promise<void> => {
    if (visitors) await devices.run((client) => client.ensure(gatewayId, visitors.gatewayKeys(gatewayId)));
  };
  return {
    visitors,
    devices: {
      hostName: settings.hubHostName,
      register: (...device) => devices.run((client) => client.register(...device)),
      warmUp: () => devices.run((client) => client.warmUp()),
    },
    telemetry: {
      send: (...messages) => telemetry.run((client) => client.send(...messages)),
      sendAsVisitor: (visitorId, messages) =>
        telemetry.run((client) => client.sendAsVisitor(visitorId, messages, ensureGateway)),
      warmUp: () => telemetry.run((client) => client.warmUp()),
    },
    feed: {
      poll: (query) => feed.run((client) => client.poll(query)),
      warmUp: () => feed.run((client) => client.warmUp()),
    },
    warmUp: async () => {
      const opening: Promise<void>[] = [];
      for (const client of clients) {
        opening.push(client.run(({ warmUp }) => warmUp()).catch(() => undefined));
        await setImmediate(); // lets a request that has arrived in the meantime run first
      }
      await Promise.all(opening);
    },
    close: () => {
      suspendDetector.close();
      for (const client of clients) client.close();
    },
  };
}
