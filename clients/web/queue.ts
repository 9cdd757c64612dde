/** The queue of waiting messages, in memory and in the browser's storage. */

import { openDatabase } from './database';
import { createLocalStore } from './localStore';
import type { Message } from './message';

interface Tracked extends Message {
  /**
   * Whether the message is stored permanently: undefined while it is being written, false if it exists only in memory.
   */
  stored?: boolean | undefined;
}

/**
 * The waiting messages. Those that this tab tracked are in memory. Those of all tabs and earlier visits are in
 * IndexedDB or, if it fails, in localStorage. No method rejects, and none takes longer than the timeout of IndexedDB.
 */
export interface Queue {
  add: (message: Message) => void;
  /** Resolves when all added messages have been written, or could not be written. */
  written: () => Promise<void> | undefined;
  /**
   * The oldest messages that this tab may send.
   *
   * @param all true: the messages of all tabs; false: only those that no other tab can find
   */
  oldest: (limit: number, all: boolean) => Promise<Message[]>;
  remove: (messages: readonly Message[]) => Promise<void>;
  /** Removes the oldest messages beyond `limit`, and returns them. */
  trim: (limit: number, all: boolean) => Promise<Message[]>;
  /** Removes all messages that were added before, and returns them. */
  clear: () => Promise<Message[]>;
  /** The unsettled messages that this tab tracked, by id. */
  tracked: Map<string, Tracked>;
  /**
   * Writes messages to localStorage that might not reach IndexedDB before the page closes. If the page is restored,
   * other tabs may have sent them, so only messages that could not be written stay in memory.
   */
  rescue: () => void;
}

/** @param callbacks `onWritten` is called with the number of messages; `onFailure` when IndexedDB has failed */
export function createQueue(name: string, onWritten: (count: number) => void, onFailure: () => void): Queue {
  const tracked = new Map<string, Tracked>();
  /** Ids of settled messages that IndexedDB may still hold. */
  const removed = new Set<string>();
  const local = createLocalStore(`${name} message `);
  const transact = openDatabase(
    name,
    () => {
      // The messages are copied, because a pending write to the lost database could still change the originals.
      for (const [id, message] of tracked) tracked.set(id, { ...message, stored: undefined });
      void write();
    },
    onFailure,
  );
  let writing: Promise<void> | undefined;

  /** Messages that are added in one turn of the event loop are written together. */
  const write = (): Promise<void> =>
    (writing ??= Promise.resolve().then(async () => {
      for (;;) {
        const messages = [...tracked.values()].filter(({ stored }) => stored === undefined);
        if (!messages[0]) break;
        const stored = await transact((store) => {
          for (const message of messages) store.put(message);
          return undefined;
        }).then(
          () => true,
          () => false,
        );
        for (const message of messages) {
          message.stored ??= stored || (tracked.has(message.id) && local.add(message));
        }
        onWritten(messages.length);
      }
      writing = undefined;
    }));

  /** @param read reads from IndexedDB; it may fail */
  const merge = async (read: () => Promise<Message[]>, all: boolean): Promise<Message[]> => {
    const stored = all ? await read().catch(() => undefined) : [];
    const found = new Map<string, Message>();
    for (const message of all ? [...(stored ?? []), ...local.all()] : []) {
      if (!removed.has(message.id)) found.set(message.id, tracked.get(message.id) ?? message);
    }
    for (const message of tracked.values()) {
      if (all ? !stored || !message.stored : message.stored === false) found.set(message.id, message);
    }
    return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  };

  const oldest: Queue['oldest'] = async (limit, all) => {
    const read = () => transact<Message[]>((store) => store.getAll(null, limit + removed.size));
    return (await merge(read, all)).slice(0, limit);
  };

  const remove: Queue['remove'] = async (messages) => {
    for (const { id } of messages) {
      tracked.delete(id);
      removed.add(id);
      local.remove(id);
    }
    const ids = [...removed];
    await transact((store) => {
      for (const id of ids) store.delete(id);
      return undefined;
    }).then(
      () => {
        for (const id of ids) removed.delete(id);
      },
      () => undefined,
    );
  };

  return {
    add: (message) => {
      tracked.set(message.id, message);
      void write();
    },
    written: () => writing,
    oldest,
    remove,
    trim: async (limit, all) => {
      const readIds = async () => {
        const ids = await transact((store) => store.getAllKeys());
        return ids.map((id) => ({ id: id as string, json: '' }));
      };
      const excess = (await merge(readIds, all)).length - limit;
      const messages = await oldest(Math.max(0, excess), all);
      await remove(messages);
      return messages;
    },
    clear: async () => {
      const messages = [...local.all(), ...tracked.values()];
      tracked.clear();
      for (const { id } of messages) local.remove(id);
      const stored = await transact<Message[]>((store) => {
        const all = store.getAll();
        store.clear();
        return all;
      }).catch(() => []);
      const found = [...messages, ...stored].filter(({ id }) => !removed.has(id));
      return [...new Map(found.map((message) => [message.id, message])).values()];
    },
    tracked,
    rescue: () => {
      for (const message of tracked.values()) {
        if (message.stored || local.add(message)) tracked.delete(message.id);
      }
    },
  };
}
