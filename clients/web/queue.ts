/** A message that waits to be sent. */
export interface Queued {
  /** message id; ids sort in the order of the messages */
  id: string;
  /** the message as it is sent, JSON */
  json: string;
}

/** What waits, kept across reloads and shared by the tabs of an origin. Each method may reject. */
export interface Queue {
  add: (message: Queued) => Promise<unknown>;
  /** The oldest messages. */
  oldest: (limit: number) => Promise<Queued[]>;
  remove: (ids: readonly string[]) => Promise<unknown>;
  count: () => Promise<number>;
}

const STORE = 'messages';

/** The best queue that there is: IndexedDB, else localStorage, else the page's memory. */
export async function openQueue(name: string): Promise<Queue> {
  const spare = localStorageQueue(name);
  try {
    const queue = await indexedDbQueue(name);
    const rescued = (await spare?.oldest(Infinity)) ?? [];
    for (const message of rescued) await queue.add(message);
    await spare?.remove(rescued.map(({ id }) => id));
    return queue;
  } catch {
    return spare ?? recordQueue({}, '');
  }
}

/** Its methods have done their work when they return. Undefined where there is no localStorage. */
export function localStorageQueue(name: string): Queue | undefined {
  try {
    return recordQueue(localStorage, `${name} message `);
  } catch {
    return undefined;
  }
}

async function indexedDbQueue(name: string): Promise<Queue> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'id' });
  const db = await settled(opening);
  // Without this, a page could not delete its databases while another tab is open.
  db.onversionchange = () => {
    db.close();
  };

  const run = <T>(
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest<T> | undefined,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const transaction = db.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      // Once it has been asked for, a commit outlives the page.
      (transaction as Partial<IDBTransaction>).commit?.();
      transaction.oncomplete = () => {
        resolve(request?.result as T);
      };
      transaction.onabort = () => {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a DOMException, or null
        reject(transaction.error);
      };
    });

  return {
    add: (message) => run('readwrite', (store) => store.put(message)),
    oldest: (limit) => run('readonly', (store) => store.getAll(null, limit)),
    remove: (ids) =>
      run('readwrite', (store) => {
        for (const id of ids) store.delete(id);
        return undefined;
      }),
    count: () => run('readonly', (store) => store.count()),
  };
}

/** One entry a message, so that tabs which write at once lose nothing of each other's. */
function recordQueue(entries: Record<string, string>, prefix: string): Queue {
  const keys = (): string[] => Object.keys(entries).filter((key) => key.startsWith(prefix));
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- a full storage must reject, not throw
    add: async ({ id, json }) => (entries[prefix + id] = json),
    oldest: (limit) =>
      Promise.resolve(
        keys()
          .sort()
          .slice(0, limit)
          .map((key) => ({ id: key.slice(prefix.length), json: entries[key] ?? '' })),
      ),
    remove: (ids) => {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- localStorage is such a record
      for (const id of ids) delete entries[prefix + id];
      return Promise.resolve();
    },
    count: () => Promise.resolve(keys().length),
  };
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a DOMException
      reject(request.error);
    };
  });
}
