import { createDeviceSource } from './device';
import { newMessageId } from './messageId';
import { type Outcome, batchBody, firstBatch, postBatch, sizeOf, unanswered } from './post';
import { type Queue, type Queued, localStorageQueue, openQueue } from './queue';
import { joinTabs } from './tabs';

/** IoT Hub takes 256 KB a message with its properties; this leaves room for what is added on the way. */
const MAX_MESSAGE_BYTES = 250_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** How long `flush` waits for another tab that may have gone. */
const FLUSH_PATIENCE_MS = 10_000;

/** Who sends. */
export interface Device {
  deviceId: string;
  /** base64; it opens this one device and nothing else */
  deviceKey: string;
}

/**
 * Registers this browser. It is given an id and a key that the browser keeps: registered as they are, a registration
 * whose answer was lost can be repeated. Resolves with the device that was registered.
 */
export type Register = (proposal: Device) => Promise<Device>;

export type HubfrontOptions = {
  /** `https://<app>/api` */
  endpoint: string;
  /** Messages that wait before they are sent without waiting for more; default 20. */
  batchSize?: number;
  /** Milliseconds that a message waits for others; default 2,000. */
  batchTime?: number;
  /** Messages kept while they cannot be sent; beyond it the oldest are dropped. Default 1,000. */
  maxQueued?: number;
  /** Whether the visitor agrees; without it, unless the browser says Do Not Track or Global Privacy Control. */
  consent?: boolean;
} & (Device | { register: Register });

export interface TrackOptions {
  /** application properties, which consumers can read and route by without the body */
  properties?: Record<string, string>;
}

/** What is told of a message. */
export interface MessageReport {
  messageId: string;
  deviceMessage: unknown;
  /** why it was rejected or has to be sent again, a code of the server's problem details or of ours */
  code: string;
  /** of `retry`: milliseconds until it is sent again */
  retryIn: number;
  /** of `sent`: handed to the browser as the page went away, which has no answer */
  beacon: boolean;
}

/** `sending`: a request is under way. `sent`: the hub has it. `rejected`: it will not be sent. `retry`: it will, later. */
export type EventName = 'sending' | 'sent' | 'rejected' | 'retry';

export interface Hubfront {
  /**
   * Queues a message and returns its id, at once; undefined without consent. Never throws.
   *
   * @param deviceMessage any JSON value, taken as it is now
   */
  track: (deviceMessage: unknown, options?: TrackOptions) => string | undefined;
  /** Sends what is queued now. Resolves when it is sent, or could not be; never rejects. */
  flush: () => Promise<void>;
  /** Calls `listener` for each message; returns what ends that. */
  on: (name: EventName, listener: (event: MessageReport) => void) => () => void;
  /** The visitor agrees, or does not any more: then what is queued and a device of ours are forgotten. */
  setConsent: (given: boolean) => void;
  /** The device of this page, once it is known to be registered. */
  readonly deviceId: string | undefined;
  /** How many messages were dropped since the page was loaded, because too many were queued. */
  readonly dropped: number;
}

/** Between tabs: a message was queued, `flush` was asked for, or an event is told. */
type Note =
  { note: 'queued' } | { note: 'flush' } | { note: 'done' } | { note: EventName; event: MessageReport };

/** Sends the page's messages as one device, from one tab for all; see the README for what is kept when. */
export function createHubfront(options: HubfrontOptions): Hubfront {
  const { batchSize = 20, batchTime = 2_000, maxQueued = 1_000 } = options;
  const endpoint = options.endpoint.replace(/\/+$/, '');
  const url = `${endpoint}/messages`;
  const name = `hubfront ${endpoint}`;
  const device = createDeviceSource(name, 'register' in options ? options.register : options);
  const listeners: Partial<Record<EventName, Set<(event: MessageReport) => void>>> = {};

  /** What this tab has queued and nobody has dealt with yet. */
  const mine = new Map<string, Queued & { stored?: boolean }>();
  const underWay = new Set<string>();
  let consent = options.consent ?? !saysDoNotTrack();
  let dropped = 0;
  let waiting = 0;
  let failures = 0;
  let notBefore = 0;
  let oneByOne = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerAt = Infinity;
  let running: Promise<void> | undefined;
  /** asked to send while sending */
  let more = false;
  let writes: Promise<unknown> = Promise.resolve();
  let queue: Promise<Queue> | undefined;

  const emit = (event: EventName, { id, json }: Queued, more: Partial<MessageReport> = {}): void => {
    const { deviceMessage } = JSON.parse(json) as { deviceMessage: unknown };
    const told = { messageId: id, deviceMessage, code: '', retryIn: 0, beacon: false, ...more };
    tell(event, told);
    tabs.tell({ note: event, event: told });
  };
  const tell = (event: EventName, told: MessageReport): void => {
    for (const listener of listeners[event] ?? []) {
      try {
        listener(told);
      } catch (error) {
        console.error(error);
      }
    }
  };

  const opened = (): Promise<Queue> => (queue ??= openQueue(name));
  /** Storage that fails is the page's memory from then on: nothing of ours may throw into the page. */
  const stored = <T>(work: (queue: Queue) => Promise<T>): Promise<T> =>
    opened()
      .then(work)
      .catch(async () => {
        queue = openQueue(name);
        return work(await queue);
      });

  const forget = (ids: readonly string[]): Promise<unknown> => {
    for (const id of ids) mine.delete(id);
    return stored((kept) => kept.remove(ids));
  };

  const keep = async (message: Queued & { stored?: boolean }): Promise<void> => {
    try {
      await stored((kept) => kept.add({ id: message.id, json: message.json }));
      message.stored = true;
    } catch {
      drop([message]);
    }
  };

  const drop = (messages: readonly Queued[]): void => {
    dropped += messages.length;
    for (const message of messages) {
      mine.delete(message.id);
      emit('rejected', message, { code: 'queue_full' });
    }
  };

  const trim = async (): Promise<void> => {
    const excess = (await stored((kept) => kept.count())) - maxQueued;
    if (excess <= 0) return;
    const oldest = await stored((kept) => kept.oldest(excess));
    await forget(oldest.map(({ id }) => id));
    drop(oldest);
  };

  const schedule = (delay: number): void => {
    const at = Math.max(Date.now() + delay, notBefore);
    if (at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(() => {
      timerAt = Infinity;
      void drain();
    }, at - Date.now());
  };

  const arrived = (): void => {
    waiting += 1;
    schedule(waiting < batchSize ? batchTime : 0);
  };

  const drain = (): Promise<void> => {
    if (running) {
      more = true;
      return running;
    }
    running = sendAll()
      .catch(() => {
        backOff(0);
      })
      .finally(() => {
        running = undefined;
        if (more || notBefore > Date.now()) schedule(0);
        more = false;
        tabs.tell({ note: 'done' });
      });
    return running;
  };

  const sendAll = async (): Promise<void> => {
    await writes;
    while (tabs.isSender() && consent && Date.now() >= notBefore) {
      const batch = firstBatch(await stored((kept) => kept.oldest(oneByOne ? 1 : 100)));
      waiting = 0;
      if (batch.length === 0) return;
      for (const message of batch) {
        underWay.add(message.id);
        emit('sending', message);
      }
      try {
        const sender = await device.get().catch(() => undefined);
        await settle(
          batch,
          sender ? await postBatch(url, sender, batch) : unanswered(batch, 'not_registered'),
        );
      } finally {
        underWay.clear();
      }
    }
  };

  const settle = async (batch: Queued[], { verdicts, retryAfterMs, undivided }: Outcome): Promise<void> => {
    const unknown = verdicts.some(({ code }) => code === 'device_unauthorized');
    // What one message may have spoilt for the others is sent one by one.
    oneByOne = undivided && batch.length > 1;
    const again = oneByOne || (unknown && device.renew());
    const outcomes = batch.map((message, at) => ({
      message,
      code: verdicts[at]?.code ?? '',
      verdict: again ? 'retry' : (verdicts[at]?.verdict ?? 'retry'),
    }));
    const settled = outcomes.filter(({ verdict }) => verdict !== 'retry');
    await forget(settled.map(({ message }) => message.id));
    if (settled.length < batch.length && !again) backOff(retryAfterMs);
    else failures = 0;
    for (const { message, verdict, code } of outcomes) {
      if (verdict === 'accepted') emit('sent', message);
      else if (verdict === 'rejected') emit('rejected', message, { code });
      else emit('retry', message, { code, retryIn: Math.max(0, notBefore - Date.now()) });
    }
  };

  /** Full jitter, and never sooner than the server asks. */
  const backOff = (retryAfterMs: number): void => {
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS);
    notBefore = Date.now() + Math.max(retryAfterMs, Math.random() * longest);
    schedule(0);
  };

  /**
   * What is left goes as beacons, which need no preflight as text/plain. Nobody learns what became of one, so none is
   * sent while sending fails anyway: what stays queued goes when the visitor comes back.
   */
  const sendBeacons = (): void => {
    const sender = device.current();
    if (!consent || !sender || !navigator.onLine || failures > 0) return;
    // The sender is another tab, which stays: it needs only what it may not find in the queue.
    const left = [...mine.values()].filter(
      (message) => !underWay.has(message.id) && (tabs.isSender() || !message.stored),
    );
    while (left.length > 0) {
      const batch = left.splice(0, firstBatch(left, 500).length);
      if (!navigator.sendBeacon(url, batchBody(sender, batch))) continue;
      void forget(batch.map(({ id }) => id)).catch(() => undefined);
      for (const message of batch) emit('sent', message, { beacon: true });
    }
  };

  /** What is on its way into the queue might not arrive there any more. */
  const rescue = (): void => {
    const spare = localStorageQueue(name);
    for (const message of mine.values()) if (!message.stored) void spare?.add(message).catch(() => undefined);
  };

  addEventListener('pagehide', () => {
    sendBeacons();
    rescue();
  });
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) void localStorageQueue(name)?.remove([...mine.keys()]);
  });
  addEventListener('visibilitychange', () => {
    if (document.hidden) sendBeacons();
  });
  addEventListener('online', () => {
    failures = notBefore = 0;
    void drain();
  });

  const tabs = joinTabs<Note>(name, {
    onSender: () => {
      schedule(batchTime);
    },
    idle: () => running ?? Promise.resolve(),
    onNote: (told) => {
      if (told.note === 'queued') arrived();
      else if (told.note === 'flush') void drain();
      else if (told.note !== 'done' && mine.has(told.event.messageId)) {
        if (told.note === 'sent' || told.note === 'rejected') mine.delete(told.event.messageId);
        tell(told.note, told.event);
      }
      if (told.note === 'done') onDone();
    },
  });
  let onDone = (): void => undefined;

  return {
    track: (deviceMessage, { properties } = {}) => {
      if (!consent) return undefined;
      const id = newMessageId();
      try {
        const json = JSON.stringify({ messageId: id, deviceMessage: deviceMessage ?? null, properties });
        const message: Queued = { id, json };
        if (sizeOf(json) > MAX_MESSAGE_BYTES) {
          emit('rejected', message, { code: 'message_too_large' });
          return id;
        }
        mine.set(id, message);
        writes = Promise.all([writes, keep(message)])
          .then(trim)
          .catch(() => undefined);
        // Early, since a beacon cannot wait for it. What fails here is tried again when it is sent.
        void tabs.ready.then(() => (tabs.isSender() ? device.get() : undefined)).catch(() => undefined);
        if (tabs.isSender()) arrived();
        else
          void writes.then(() => {
            if (tabs.isSender()) arrived();
            else tabs.tell({ note: 'queued' });
          });
      } catch {
        emit('rejected', { id, json: '{"deviceMessage":null}' }, { code: 'not_json' });
      }
      return id;
    },
    flush: async () => {
      await Promise.all([writes, tabs.ready, running]);
      if (tabs.isSender()) return drain();
      tabs.tell({ note: 'flush' });
      await new Promise<void>((resolve) => {
        onDone = resolve;
        setTimeout(resolve, FLUSH_PATIENCE_MS);
      });
    },
    on: (event, listener) => {
      const set = (listeners[event] ??= new Set());
      set.add(listener);
      return () => {
        set.delete(listener);
      };
    },
    setConsent: (given) => {
      consent = given;
      if (given) schedule(batchTime);
      else {
        mine.clear();
        device.forget();
        const until = newMessageId(); // what comes after it is tracked with a new consent
        writes = writes
          .then(() => stored((kept) => kept.oldest(maxQueued)))
          .then((all) => forget(all.map(({ id }) => id).filter((id) => id < until)))
          .catch(() => undefined);
      }
    },
    get deviceId() {
      return device.current()?.deviceId;
    },
    get dropped() {
      return dropped;
    },
  };
}

function saysDoNotTrack(): boolean {
  const { doNotTrack, globalPrivacyControl } = navigator as Navigator & { globalPrivacyControl?: boolean };
  return doNotTrack === '1' || globalPrivacyControl === true;
}
