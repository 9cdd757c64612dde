/**
 * Lets concurrent callers share one run of `work`. A caller never gets a run that began before its call, so the
 * result is at least as new as the call.
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
