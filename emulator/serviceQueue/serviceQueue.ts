/** A queue from which services receive: feedback of cloud-to-device messages, or notifications of file uploads. */

import { randomUUID } from 'node:crypto';
import type { Journal } from '../dataFolder';
import { IotHubError } from '../iotHubError';

// The defaults of a hub: iot-hub-devguide-messages-c2d, "Cloud-to-device configuration options", and
// iot-hub-configure-file-upload, "Configure your IoT hub".
const LOCK_MS = 60_000;
const TTL_MS = 60 * 60 * 1_000;
const MAX_DELIVERY_COUNT = 10;
/** Maximum number of items that wait, which limits memory. The hub's own limit is not published. */
const MAX_ITEMS = 1_000;

/** An item that a service has locked. */
export interface QueuedItem<Item> {
  readonly item: Item;
  readonly sequenceNumber: number;
  /** Unix time in ms. */
  readonly enqueuedTime: number;
  readonly deliveryCount: number;
  readonly lockToken: string;
}

/** Its receivers compete. */
export interface ServiceQueue<Item> {
  /** @throws IotHubError ServiceUnavailable if the item cannot be stored */
  add(item: Item, enqueuedTime: number): void;
  /** Locks the next item for a minute. Returns undefined if there is none. */
  receive(): QueuedItem<Item> | undefined;
  /** `complete` and `abandon` throw IotHubError if the lock is not held any more. */
  complete(lockToken: string): void;
  /** Returns the item to the queue, and counts the delivery. */
  abandon(lockToken: string): void;
  /** Returns the item to the queue without counting the delivery. Has no effect without the lock. */
  release(lockToken: string): void;
  /** Calls the listener when an item can be received. Returns a function that removes the listener. */
  onAvailable(listener: () => void): () => void;
  /** Removes every item. */
  clear(): void;
  /** Stops the timers. Items stay in the journal. */
  close(): void;
}

/** An item as the journal keeps it. */
interface KeptItem<Item> {
  readonly item: Item;
  readonly sequenceNumber: number;
  readonly enqueuedTime: number;
}

interface Entry<Item> extends KeptItem<Item> {
  deliveryCount: number;
  lock: { readonly token: string; readonly timer: NodeJS.Timeout } | undefined;
}

/** @param kind the kind of the items in the journal */
export function createServiceQueue<Item>(journal: Journal, kind: string): ServiceQueue<Item> {
  const listeners = new Set<() => void>();
  const keyOf = ({ sequenceNumber }: KeptItem<Item>) => `${kind}/${sequenceNumber}`;
  const kept = ([...journal.read(kind).values()] as KeptItem<Item>[]).sort(
    (a, b) => a.sequenceNumber - b.sequenceNumber,
  );
  let queue: Entry<Item>[] = kept.map((item) => ({ ...item, deliveryCount: 0, lock: undefined }));
  let lastSequenceNumber = kept.at(-1)?.sequenceNumber ?? 0;

  const available = (): void => listeners.forEach((listener) => listener());
  const remove = (entries: readonly Entry<Item>[]): void => {
    for (const { lock } of entries) clearTimeout(lock?.timer);
    queue = queue.filter((entry) => !entries.includes(entry));
  };
  /** Removes items that no receiver waits for. */
  const drop = (entries: readonly Entry<Item>[]): void => {
    journal.forget(...entries.map(keyOf));
    remove(entries);
  };
  const unlock = (entry: Entry<Item>, counts: boolean): void => {
    clearTimeout(entry.lock?.timer);
    entry.lock = undefined;
    if (counts && ++entry.deliveryCount >= MAX_DELIVERY_COUNT) drop([entry]);
    else available();
  };
  const locked = (token: string): Entry<Item> => {
    const entry = queue.find(({ lock }) => lock?.token === token);
    if (!entry) throw new IotHubError('DeviceMessageLockLost', 'The lock of the message is not held.');
    return entry;
  };

  return {
    add(item, enqueuedTime) {
      const sequenceNumber = lastSequenceNumber + 1;
      const added: KeptItem<Item> = { item, sequenceNumber, enqueuedTime };
      journal.write([keyOf(added), added]);
      lastSequenceNumber = sequenceNumber;
      queue.push({ ...added, deliveryCount: 0, lock: undefined });
      if (queue.length > MAX_ITEMS) drop(queue.slice(0, queue.length - MAX_ITEMS));
      available();
    },
    receive() {
      const oldest = Date.now() - TTL_MS;
      const expired = queue.filter(({ lock, enqueuedTime }) => lock === undefined && enqueuedTime <= oldest);
      if (expired.length > 0) drop(expired);
      const entry = queue.find(({ lock }) => !lock);
      if (!entry) return undefined;
      const token = randomUUID();
      entry.lock = { token, timer: setTimeout(() => unlock(entry, true), LOCK_MS).unref() };
      const { item, sequenceNumber, enqueuedTime, deliveryCount } = entry;
      return { item, sequenceNumber, enqueuedTime, deliveryCount, lockToken: token };
    },
    complete(token) {
      const entry = locked(token);
      journal.write([keyOf(entry)]);
      remove([entry]);
    },
    abandon: (token) => unlock(locked(token), true),
    release(token) {
      const entry = queue.find(({ lock }) => lock?.token === token);
      if (entry) unlock(entry, false);
    },
    onAvailable(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    clear: () => drop(queue),
    close: () => queue.forEach(({ lock }) => clearTimeout(lock?.timer)),
  };
}
