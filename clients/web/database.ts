/** Opens the browser's IndexedDB, with timeouts, because it may hang or be deleted at any time. */

import { withTimeout } from './timeout';

const STORE = 'messages';
/** If IndexedDB does not respond for this long, the page continues without it. */
const RESPONSE_MS = 1_000;
/** Time after such a failure during which IndexedDB is not used. */
const PAUSE_MS = 30_000;

/**
 * Runs a transaction on the object store of messages, and resolves with the result of the request that `work` returns.
 * Rejects if IndexedDB fails or does not respond in time.
 */
export type Transact = <T>(work: (store: IDBObjectStore) => IDBRequest<T> | undefined) => Promise<T>;

/**
 * The database is opened when it is first used, and again after it was closed.
 *
 * @param onLost called when the connection was closed: stored messages may be lost
 * @param onFailure called when IndexedDB did not respond or could not be opened
 */
export function openDatabase(name: string, onLost: () => void, onFailure: () => void): Transact {
  let opening: Promise<IDBDatabase> | undefined;
  let pausedUntil = 0;

  const open = (): Promise<IDBDatabase> =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' });
      request.onerror = reject;
      request.onsuccess = () => {
        const db = request.result;
        // Another tab deletes the database, or the browser has closed the connection.
        db.onversionchange = db.onclose = () => {
          db.close();
          opening = undefined;
          onLost();
        };
        resolve(db);
      };
    });

  return async (work) => {
    if (performance.now() < pausedUntil) throw new Error();
    let transaction: IDBTransaction | undefined;
    let isLate = false;
    const transact = async () => {
      const db = await (opening ??= open());
      if (isLate) throw new Error();
      const begun = (transaction = db.transaction(STORE, 'readwrite'));
      const request = work(begun.objectStore(STORE));
      // A requested commit is carried out even if the page closes.
      (begun as Partial<IDBTransaction>).commit?.();
      await new Promise((resolve, reject) => {
        begun.oncomplete = resolve;
        begun.onabort = reject;
      });
      return request?.result as never;
    };
    try {
      return await withTimeout(transact(), RESPONSE_MS);
    } catch (error) {
      // Only the transaction fails, for example because the storage is full. The database remains usable.
      if (!transaction?.error) {
        pausedUntil = performance.now() + PAUSE_MS;
        // The caller handles messages that have not been written by now, so they must not be written later.
        isLate = true;
        opening
          ?.then((db) => {
            db.close();
            transaction?.abort();
          })
          .catch(() => undefined);
        opening = undefined;
        onFailure();
      }
      throw error;
    }
  };
}
