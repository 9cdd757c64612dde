/** Queues by name: in each, one piece of work at a time. */
export interface KeyedMutex {
  /**
   * Runs `work` when those before it in the line are done. When `signal` is aborted first, the outcome is that of
   * `late`, and the work is skipped when its turn comes.
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
        // Work under way minds the signal itself and keeps what it has; only the waiting is cut short here.
        const waiting = before.then(() => {
          signal.removeEventListener('abort', onAbort);
        });
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.then(() => turn).then(resolve, reject);
      });
    },
  };
}
