/** The entry of the web client: creates a client from its queue, its sender and its reporting. */

import type { Hubfront, HubfrontOptions } from './api';
import { createDeviceSource } from './device';
import { createMessage } from './message';
import { readOptions } from './options';
import { createQueue } from './queue';
import { type TabEvent, createReporting } from './reporting';
import { createSender } from './sender';
import { joinTabs } from './tabs';

export type * from './api';

/** How long `flush` waits for the tab that sends, which may have been closed. */
const FLUSH_MS = 10_000;

/** Messages between tabs. The tab that sends responds to `flush` with `flushed`. */
type TabMessage =
  | { queued: number }
  | { flush: true }
  | { flushed: true }
  | { consent: boolean }
  | { events: readonly TabEvent[] };

/** The client outside a page, for example during server-side rendering. */
const INERT: Hubfront = {
  track: () => undefined,
  flush: () => Promise.resolve(),
  on: () => () => undefined,
  setConsent: () => undefined,
  consent: false,
  dropped: 0,
};

/**
 * Sends the messages of a page as one device. One tab sends for all tabs. Unsent messages are kept when the page
 * closes.
 *
 * @throws {TypeError} naming an option that is missing or wrong
 *
 * @example
 * const hubfront = createHubfront({ endpoint: 'https://app.example/api', deviceId, deviceKey });
 * hubfront.track({ event: 'browse_product', product_id: 162 });
 */
export function createHubfront(options: HubfrontOptions): Hubfront {
  const settings = readOptions(options);
  if (typeof document === 'undefined') return INERT;

  const { endpoint, device: given } = settings;
  // Messages are sent as the device that tracked them, so each device has its own queue.
  const name = `hubfront ${endpoint}${typeof given === 'function' ? '' : ` ${given.deviceId}`}`;
  let consent = settings.consent ?? !hasPrivacySignal();
  const flushes: (() => void)[] = [];

  const queue = createQueue(
    name,
    (count) => {
      if (!tabs.isSender()) tabs.post({ queued: count });
      sender.plan(0);
    },
    () => {
      tabs.release(); // Another tab may be able to read the waiting messages.
    },
  );
  const { report, receive, on, dropped } = createReporting(queue.tracked, (events) => {
    tabs.post({ events });
  });
  const device = createDeviceSource(name, given);
  const sender = createSender(
    settings,
    queue,
    device,
    report,
    () => consent,
    () => tabs.isSender(),
  );
  const setConsent = (given: boolean): void => {
    consent = given;
    tabs.compete(given);
    if (given) return;
    sender.withdraw();
    device.forget();
    void queue.clear().then((messages) => {
      report(messages, () => ({ name: 'rejected', code: 'consent_withdrawn' }));
    });
  };

  const tabs = joinTabs<TabMessage>(
    name,
    () => {
      sender.plan(0);
    },
    (message) => {
      if ('queued' in message) sender.plan(message.queued);
      else if ('events' in message) receive(message.events);
      else if ('consent' in message) setConsent(message.consent);
      else if ('flushed' in message) for (const resolve of flushes.splice(0)) resolve();
      else if (tabs.isSender()) {
        void sender.drain().then(() => {
          tabs.post({ flushed: true });
        });
      }
    },
  );

  addEventListener('pagehide', sender.leave);
  addEventListener('pageshow', sender.comeBack);
  addEventListener('visibilitychange', () => {
    // Until the tabs are ready, this tab does not know whether the stored messages are its to send.
    if (document.hidden) void tabs.ready().then(sender.drain).then(tabs.release);
  });
  addEventListener('online', sender.retryNow);
  tabs.compete(consent);

  return {
    track: (deviceMessage, trackOptions) => {
      if (!consent) return undefined;
      const message = createMessage(deviceMessage, trackOptions?.properties);
      const { id, problem } = message;
      if (problem) {
        report([message], () => ({ name: 'rejected', code: problem }));
        return id;
      }
      queue.add(message);
      void tabs.ready().then(() => {
        if (!tabs.isSender()) return;
        sender.plan(1);
        // Registers early, because a beacon cannot wait for it. A failure is reported when the message is sent.
        device.get().catch(() => undefined);
      });
      return id;
    },
    flush: async () => {
      await queue.written();
      await tabs.ready();
      await sender.drain();
      // A tab whose storage failed in the meantime may have become the sender again.
      await tabs.ready();
      await sender.drain();
      if (tabs.isSender() || !consent) return;
      await new Promise<void>((resolve) => {
        flushes.push(resolve);
        setTimeout(resolve, FLUSH_MS);
        tabs.post({ flush: true });
      });
    },
    on,
    setConsent: (given) => {
      setConsent(given);
      tabs.post({ consent: given });
    },
    get consent() {
      return consent;
    },
    get deviceId() {
      return device.current()?.deviceId;
    },
    get dropped() {
      return dropped();
    },
  };
}

function hasPrivacySignal(): boolean {
  const { doNotTrack, globalPrivacyControl } = navigator as Navigator & { globalPrivacyControl?: boolean };
  return doNotTrack === '1' || globalPrivacyControl === true;
}
