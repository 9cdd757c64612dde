/** Locks by name: at most one task per name runs at a time; the others wait in order. */
export interface KeyedMutex {
  /**
   * Runs `work` when the tasks before it have ended. If `signal` is aborted first, returns the result of `late` and
   * skips the work.
   */
  runExclusive: <T>(name: string, work: () => Promise<T>, signal: AbortSignal, late: () => T) => Promise<T>;
}

export function createKeyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<unknown>>();
  return {
    runExclusive: (name, work, signal, late) => {
      const before = tails.get(name) ?? Promise.resolve();
      const turn = before.then(() => (signal.aborted ? late() : work()));
      const tail = turn.catch(() => undefined);
      tails.set(name, tail);
      void tail.then(() => {
        if (tails.get(name) === tail) tails.delete(name);
      });
      return new Promise((resolve, reject) => {
        const onAbort = (): void => {
          resolve(late());
        };
        // The signal only ends the wait for the lock. Work that has started must handle the signal itself.
        const waiting = before.then(() => {
          signal.removeEventListener('abort', onAbort);
        });
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.then(() => turn).then(resolve, reject);
      });
    },
  };
}
