/**
 * Lets callers that arrive together share one run of `work`. A caller never gets a run that had begun before it
 * came, so what it sees is at least as new as its own call.
 */
export function singleFlight<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  return () => {
    next ??= (async () => {
      await running?.catch(() => undefined);
      next = undefined;
      const run = work();
      running = run;
      return run;
    })();
    return next;
  };
}
