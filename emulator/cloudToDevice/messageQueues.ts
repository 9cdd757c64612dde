/** The queues of cloud-to-device messages. */

import { randomUUID } from 'node:crypto';
import type { Journal } from '../dataFolder';
import { IotHubError } from '../iotHubError';
import type { DeviceRegistry } from '../registry';
import type { CloudMessage, Outcome, QueuedMessage } from './cloudMessage';
import {
  keptMessage,
  keptSequenceNumber,
  keyOf,
  readKeptMessages,
  readLastSequenceNumber,
} from './keptMessages';
import {
  DEFAULT_TTL_MS,
  EXPIRY_CHECK_MS,
  LOCK_MS,
  MAX_DELIVERY_COUNT,
  MAX_MESSAGE_BYTES,
  MAX_PENDING_MESSAGES,
  MAX_TTL_MS,
} from './limits';

/** A message that has left its queue. */
export interface Ending {
  readonly deviceId: string;
  readonly generationId: string;
  readonly message: CloudMessage;
  readonly outcome: Outcome;
}

/** The queues of a hub's devices. */
export interface MessageQueues {
  /** @throws IotHubError for an unknown device, a full queue, and a message above 64 KB */
  send(deviceId: string, message: CloudMessage): void;
  /**
   * Locks the next message: for a minute, or until it is settled or released if `holds` is true. Returns undefined if
   * no message can be received.
   */
  receive(deviceId: string, holds?: boolean): QueuedMessage | undefined;
  /** `complete`, `reject` and `abandon` throw IotHubError if the lock is not held any more. */
  complete(deviceId: string, lockToken: string): void;
  reject(deviceId: string, lockToken: string): void;
  /** Returns the message to the queue, and counts the delivery. */
  abandon(deviceId: string, lockToken: string): void;
  /** Returns the message to the queue without counting the delivery. Has no effect if the lock is not held any more. */
  release(deviceId: string, lockToken: string): void;
  /** Removes every message; returns how many. */
  purge(deviceId: string): number;
  /** Ends the messages that no device holds, of one device or of all, as their expiry does; returns how many. */
  expire(deviceId?: string): number;
  /** Called when a device's queue has a message that can be received. */
  onAvailable(listener: (deviceId: string) => void): void;
  onEnded(listener: (ending: Ending) => void): void;
  close(): void;
}

interface Entry {
  readonly message: CloudMessage;
  readonly sequenceNumber: number;
  readonly enqueuedTime: number;
  readonly expiry: number;
  deliveryCount: number;
  lock: { readonly token: string; readonly until: number } | undefined;
}

export function createMessageQueues(registry: DeviceRegistry, journal: Journal): MessageQueues {
  const queues = new Map<string, Entry[]>();
  const availableListeners: ((deviceId: string) => void)[] = [];
  const endedListeners: ((ending: Ending) => void)[] = [];
  let lastSequenceNumber = readLastSequenceNumber(journal);

  const setQueue = (deviceId: string, entries: Entry[]): void => {
    if (entries.length === 0) queues.delete(deviceId);
    else queues.set(deviceId, entries);
    registry.recordMessageCount(deviceId, entries.length);
  };
  const end = (deviceId: string, entry: Entry, outcome: Outcome): void => {
    setQueue(
      deviceId,
      (queues.get(deviceId) ?? []).filter((other) => other !== entry),
    );
    const generationId = registry.find(deviceId)?.generationId ?? '';
    for (const listener of endedListeners) {
      listener({ deviceId, generationId, message: entry.message, outcome });
    }
  };
  /** Removes a message from its queue for good. */
  const settle = (deviceId: string, entry: Entry, outcome: Outcome): void => {
    journal.write([keyOf(entry)]);
    end(deviceId, entry, outcome);
  };
  const available = (deviceId: string): void => {
    for (const listener of availableListeners) listener(deviceId);
  };
  /**
   * Counts a delivery that the device did not settle in time. Returns whether the message is still in the queue. The
   * count is not written to the journal, because no caller waits who could get an error.
   */
  const timeOut = (deviceId: string, entry: Entry): boolean => {
    entry.lock = undefined;
    entry.deliveryCount++;
    if (entry.deliveryCount < MAX_DELIVERY_COUNT) return true;
    journal.forget(keyOf(entry));
    end(deviceId, entry, 'DeliveryCountExceeded');
    return false;
  };
  /** The device's messages and locks that have not expired. */
  const current = (deviceId: string): Entry[] => {
    const now = Date.now();
    for (const entry of queues.get(deviceId) ?? []) {
      const isTimedOut = entry.lock !== undefined && entry.lock.until <= now;
      if (isTimedOut && !timeOut(deviceId, entry)) continue;
      // A locked message does not expire until it is settled or its lock expires.
      if (entry.expiry <= now && !entry.lock) {
        journal.forget(keyOf(entry));
        end(deviceId, entry, 'Expired');
      }
    }
    return queues.get(deviceId) ?? [];
  };
  const locked = (deviceId: string, token: string): Entry => {
    const entry = current(deviceId).find(({ lock }) => lock?.token === token);
    if (!entry) throw new IotHubError('DeviceMessageLockLost', 'The lock of the message is not held.');
    return entry;
  };

  for (const { deviceId, generationId, entry } of readKeptMessages(journal)) {
    if (registry.find(deviceId)?.generationId !== generationId) continue;
    setQueue(deviceId, [...(queues.get(deviceId) ?? []), { ...entry, lock: undefined }]);
  }
  registry.onChange((deviceId, device) => {
    if (device) return;
    journal.forget(...(queues.get(deviceId) ?? []).map(keyOf));
    queues.delete(deviceId);
  });
  const expiryCheck = setInterval(() => {
    for (const deviceId of [...queues.keys()]) {
      const free = (entries: readonly Entry[]) => entries.filter(({ lock }) => !lock).length;
      const before = free(queues.get(deviceId) ?? []);
      if (free(current(deviceId)) > before) available(deviceId);
    }
  }, EXPIRY_CHECK_MS);
  expiryCheck.unref();

  return {
    send(deviceId, message) {
      const { generationId } = registry.get(deviceId);
      const size = message.properties.reduce(
        (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
        message.body.length,
      );
      if (size > MAX_MESSAGE_BYTES) {
        throw new IotHubError('MessageTooLarge', `The message exceeds ${MAX_MESSAGE_BYTES} bytes.`);
      }
      const entries = current(deviceId);
      if (entries.length >= MAX_PENDING_MESSAGES) {
        throw new IotHubError(
          'DeviceMaximumQueueDepthExceeded',
          `The device has ${MAX_PENDING_MESSAGES} messages that it has not received.`,
        );
      }
      const now = Date.now();
      const expiry = Math.min(message.expiry ?? now + DEFAULT_TTL_MS, now + MAX_TTL_MS);
      const sequenceNumber = lastSequenceNumber + 1;
      const entry = { message, sequenceNumber, enqueuedTime: now, expiry, deliveryCount: 0 };
      journal.write(keptMessage(deviceId, generationId, entry), keptSequenceNumber(sequenceNumber));
      lastSequenceNumber = sequenceNumber;
      setQueue(deviceId, [...entries, { ...entry, lock: undefined }]);
      available(deviceId);
    },
    receive(deviceId, holds = false) {
      const entry = current(deviceId).find(({ lock }) => !lock);
      if (!entry) return undefined;
      const token = randomUUID();
      entry.lock = { token, until: holds ? Infinity : Date.now() + LOCK_MS };
      registry.recordActivity(deviceId);
      const { message, sequenceNumber, enqueuedTime, expiry, deliveryCount } = entry;
      return { message, sequenceNumber, enqueuedTime, expiry, deliveryCount, lockToken: token };
    },
    complete: (deviceId, token) => settle(deviceId, locked(deviceId, token), 'Success'),
    reject: (deviceId, token) => settle(deviceId, locked(deviceId, token), 'Rejected'),
    abandon(deviceId, token) {
      const entry = locked(deviceId, token);
      const deliveryCount = entry.deliveryCount + 1;
      if (deliveryCount >= MAX_DELIVERY_COUNT) {
        settle(deviceId, entry, 'DeliveryCountExceeded');
        return;
      }
      const { generationId } = registry.get(deviceId);
      journal.write(keptMessage(deviceId, generationId, { ...entry, deliveryCount }));
      Object.assign(entry, { deliveryCount, lock: undefined });
      available(deviceId);
    },
    release(deviceId, token) {
      const entry = queues.get(deviceId)?.find(({ lock }) => lock?.token === token);
      if (!entry) return;
      entry.lock = undefined;
      available(deviceId);
    },
    purge(deviceId) {
      registry.get(deviceId);
      const entries = current(deviceId);
      journal.write(...entries.map((entry) => [keyOf(entry)] as const));
      for (const entry of entries) end(deviceId, entry, 'Purged');
      return entries.length;
    },
    expire(deviceId) {
      const deviceIds = deviceId === undefined ? [...queues.keys()] : [deviceId];
      const expired = deviceIds.flatMap((id) =>
        current(id)
          .filter(({ lock }) => !lock)
          .map((entry) => [id, entry] as const),
      );
      for (const [id, entry] of expired) settle(id, entry, 'Expired');
      return expired.length;
    },
    onAvailable: (listener) => void availableListeners.push(listener),
    onEnded: (listener) => void endedListeners.push(listener),
    close: () => clearInterval(expiryCheck),
  };
}
