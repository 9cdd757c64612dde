import type { Message } from './message';

/** Messages in localStorage, for when IndexedDB fails and for the last moment of a page. It never throws. */
export interface LocalStore {
  /** @returns whether it could be written */
  add: (message: Message) => boolean;
  all: () => Message[];
  remove: (id: string) => void;
}

/** @param prefix of its keys; one entry a message, so that tabs which write at once do not overwrite each other */
export function createLocalStore(prefix: string): LocalStore {
  /** There may be no localStorage, and it may be full. */
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
