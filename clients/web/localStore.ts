import type { Message } from './message';

/** Stores messages in localStorage if IndexedDB fails, and while a page closes. Its methods do not throw. */
export interface LocalStore {
  /** @returns whether the message could be written */
  add: (message: Message) => boolean;
  all: () => Message[];
  remove: (id: string) => void;
}

/**
 * @param prefix of the keys. Each message is one entry, so that tabs which write concurrently do not overwrite each
 * other
 */
export function createLocalStore(prefix: string): LocalStore {
  /** localStorage may be absent or full. */
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch {
      return undefined;
    }
  };
  return {
    add: ({ id, json }) =>
      attempt(() => {
        localStorage.setItem(prefix + id, json);
        return true;
      }) ?? false,
    all: () =>
      attempt(() =>
        Object.keys(localStorage)
          .filter((key) => key.startsWith(prefix))
          .map((key) => ({ id: key.slice(prefix.length), json: localStorage.getItem(key) ?? '' })),
      ) ?? [],
    remove: (id) => attempt(() => localStorage.removeItem(prefix + id)),
  };
}
