import { eventName } from '../../page/eventNames';
import { connectMoreButton } from '../../page/expandableRows';
import { followStream } from '../../page/sharedStream';
import { element } from './html';
import type { createOfflineSwitch } from './offline';
import { productAt } from './products';
import type { ShopEvent, Tracking } from './tracking';

/** The fields of a feed message that the panel shows. */
interface FeedMessage {
  partitionId: string;
  sequenceNumber: number;
  enqueuedTimeUtc: string;
  deviceId: string | null;
  messageId: string | null;
  body: unknown;
}

/** The stages of an event, from the page to the worker. */
const STAGES = ['queued', 'sending', 'accepted', 'in the feed'] as const;
type Stage = (typeof STAGES)[number];
const KEPT_ROWS = 100;
const COUNTDOWN_MS = 1_000;
/** Number of messages that a tab gets when it joins. */
const KEPT_MESSAGES = 30;

/** Shows the stages of each event, the offline switch, and the live feed. */
export function startPanel(tracking: Tracking, offline: ReturnType<typeof createOfflineSwitch>): void {
  const rows = new Map<string, Row>();
  const labelMore = connectMoreButton(element('more-events'), 'events');
  const rowOf = (messageId: string, message: unknown): Row => {
    const known = rows.get(messageId);
    if (known) return known;
    const made = createRow(messageId, message as ShopEvent, offline.isOffline);
    rows.set(messageId, made);
    insertEvent(messageId, made.item);
    labelMore(element('events').children.length, rows.size);
    element('no-events').hidden = true;
    return made;
  };

  tracking.onQueued((messageId, message) => {
    rowOf(messageId, message).reach('queued');
  });
  const showDevice = (): void => {
    const deviceId = tracking.deviceId();
    if (deviceId !== undefined) element('device').textContent = `This browser is the device ${deviceId}`;
  };
  showDevice();
  tracking.on('sent', showDevice);
  tracking.on('sending', ({ messageId, deviceMessage }) => {
    // While the switch is on, the client's attempts fail without a request.
    rowOf(messageId, deviceMessage).reach(offline.isOffline() ? 'queued' : 'sending');
  });
  tracking.on('sent', ({ messageId, deviceMessage, beacon }) => {
    rowOf(messageId, deviceMessage).reach('accepted', beacon ? 'by beacon' : '');
  });
  tracking.on('retry', ({ messageId, deviceMessage, code, retryIn }) => {
    rowOf(messageId, deviceMessage).wait(code, retryIn);
  });
  tracking.on('rejected', ({ messageId, deviceMessage, code }) => {
    rowOf(messageId, deviceMessage).reject(code);
  });

  wireSwitch(offline);
  wireConsent(tracking);
  showFeed((message) => {
    rows.get(message.messageId ?? '')?.reach('in the feed');
    return message.deviceId === tracking.deviceId();
  });
}

function wireSwitch(offline: ReturnType<typeof createOfflineSwitch>): void {
  const box = element('offline') as HTMLInputElement;
  const show = (): void => {
    box.checked = offline.isOffline();
    document.body.classList.toggle('offline', box.checked);
    element('offline-note').hidden = !box.checked;
  };
  show();
  box.addEventListener('change', () => {
    offline.set(box.checked);
  });
  addEventListener('online', show);
  addEventListener('offline', show);
}

/** Explains why nothing is sent if the visitor's browser sends a privacy signal. */
function wireConsent(tracking: Tracking): void {
  const { globalPrivacyControl } = navigator as Navigator & { globalPrivacyControl?: boolean };
  const signal = globalPrivacyControl === true ? 'Global Privacy Control' : 'Do Not Track';
  element('privacy-signal').textContent = signal;
  const show = (): void => {
    element('privacy').hidden = tracking.hasConsent();
    element('no-events').textContent = tracking.hasConsent()
      ? 'No events since this page was loaded. Open a product to send one.'
      : `No event is tracked while ${signal} is on.`;
  };
  show();
  element('agree').addEventListener('click', () => {
    tracking.agree();
    show();
  });
}

interface Row {
  item: HTMLLIElement;
  /** The stage never goes back: a late report of an earlier stage is ignored. */
  reach: (stage: Stage, note?: string) => void;
  /** Counts down to the next attempt, but not while the offline switch is on. @param code of the failure */
  wait: (code: string, retryInMs: number) => void;
  reject: (code: string) => void;
}

function createRow(messageId: string, message: ShopEvent, isOffline: () => boolean): Row {
  const item = document.createElement('li');
  item.dataset.messageId = messageId;
  const name = textOf('strong', eventName(message.event));
  const what = textOf('span', subjectOf(message), 'what');
  if ('size_name' in message) what.title = `${message.color_name}, ${message.size_name}`;
  const state = textOf('span', 'queued', 'state');
  const track = document.createElement('span');
  track.className = 'track';
  track.setAttribute('aria-hidden', 'true');
  track.append(...STAGES.map(() => document.createElement('i')));
  const id = textOf('code', messageId);
  item.append(name, what, state, track, id);

  let reached = -1;
  let countdown: ReturnType<typeof setInterval> | undefined;
  const show = (text: string, kind: string): void => {
    clearInterval(countdown);
    state.textContent = text;
    item.className = kind;
    item.style.setProperty('--reached', String(reached));
    [...track.children].forEach((mark, at) => mark.classList.toggle('on', at <= reached));
  };
  return {
    item,
    reach: (stage, note = '') => {
      const at = STAGES.indexOf(stage);
      if (at <= reached) return;
      reached = at;
      show(note === '' ? stage : `${stage} ${note}`, stage.replaceAll(' ', '-'));
    },
    wait: (code, retryInMs) => {
      reached = 0;
      const retryAt = Date.now() + retryInMs;
      const text = (): string => {
        if (isOffline()) return 'offline, waiting';
        const seconds = Math.ceil((retryAt - Date.now()) / 1_000);
        return `${code}, next try ${seconds > 0 ? `in ${seconds} s` : 'now'}`;
      };
      show(text(), 'waiting');
      countdown = setInterval(() => {
        if (item.isConnected) state.textContent = text();
        else clearInterval(countdown);
      }, COUNTDOWN_MS);
    },
    reject: (code) => {
      show(`rejected: ${code}`, 'rejected');
    },
  };
}

/** @param onMessage called with each message; returns true if this page sent it */
function showFeed(onMessage: (message: FeedMessage) => boolean): void {
  const state = element('feed-state');
  const labelMore = connectMoreButton(element('more-messages'), 'messages');
  const add = (message: FeedMessage): void => {
    const item = document.createElement('li');
    item.classList.toggle('mine', onMessage(message));
    item.dataset.messageId = message.messageId ?? '';
    const place = textOf('code', `${message.partitionId}:${message.sequenceNumber}`);
    place.title = 'partition and sequence number';
    const time = document.createElement('time');
    time.dateTime = message.enqueuedTimeUtc;
    time.textContent = new Date(message.enqueuedTimeUtc).toLocaleTimeString(undefined, { hourCycle: 'h23' });
    const details = document.createElement('details');
    details.append(
      textOf('summary', summaryOf(message.body)),
      textOf('pre', JSON.stringify(message, null, 2)),
    );
    item.append(place, time, details);
    const feed = element('feed');
    feed.prepend(item);
    limit(feed);
    const listed = feed.children.length;
    // A page that gets fewer messages than the shop keeps has had all of them.
    labelMore(listed, listed < KEPT_MESSAGES ? listed : undefined);
    element('no-messages').hidden = true;
  };
  followStream('/live', 'message', KEPT_MESSAGES, {
    onReset: () => {
      element('feed').replaceChildren();
    },
    onData: (data) => {
      add(JSON.parse(data) as FeedMessage);
    },
    onConnected: (connected) => {
      state.classList.toggle('on', connected);
      state.title = connected ? 'connected' : 'not connected';
    },
  });
}

function summaryOf(body: unknown): string {
  const { Data: data } = (body ?? {}) as { Data?: Partial<ShopEvent> };
  // Other clients send other messages.
  return typeof data?.event === 'string'
    ? [eventName(data.event), subjectOf(data)].filter(Boolean).join(': ')
    : JSON.stringify(body);
}

/** `2 items` of an order, otherwise the product's name */
function subjectOf(message: Partial<ShopEvent>): string {
  const { items } = message as { items?: unknown };
  if (!Array.isArray(items)) return nameIn(message.event_value ?? '');
  return items.length === 1 ? '1 item' : `${items.length} items`;
}

/** Converts `…/products/162-spangle-bag?color=379` to `Spangle bag`, the product's name. */
function nameIn(url: string): string {
  const path = /\/products\/(\d+-[\w-]+)/.exec(url)?.[1] ?? '';
  return productAt(path)?.product_name ?? path.replace(/^\d+-/, '').replaceAll('-', ' ');
}

function textOf(tag: string, text: string, className = ''): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

/** Inserts events in order, the newest first. Message ids sort by their creation time. */
function insertEvent(messageId: string, item: HTMLElement): void {
  const events = element('events');
  const newer = [...events.children].filter(
    (other) => ((other as HTMLElement).dataset.messageId ?? '') > messageId,
  );
  const last = newer.at(-1);
  if (last) last.after(item);
  else events.prepend(item);
  limit(events);
}

function limit(list: HTMLElement): void {
  while (list.children.length > KEPT_ROWS) list.lastElementChild?.remove();
}
