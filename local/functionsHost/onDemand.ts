import type { Timers } from './timers';
import type { WorkerProcess } from './workerProcess';
import type { LoadedFunction } from './workerProtocol';

/** Starts a function by name, without waiting for its end. @returns false if the app has no such function */
export type RunOnDemand = (name: string, input: string) => boolean;

/** Runs functions for `POST /admin/functions/<name>`. As in Azure, disabled functions run as well. */
export function createRunOnDemand(
  functions: readonly LoadedFunction[],
  timers: Timers,
  invoke: WorkerProcess['invoke'],
  log: (line: string) => void,
): RunOnDemand {
  return (name, input) => {
    const found = functions.find((other) => other.name.toLowerCase() === name.toLowerCase());
    if (!found) return false;
    const isTriggeredBy = (trigger: string): boolean =>
      found.bindings.some(({ type }) => type.toLowerCase() === trigger);
    if (isTriggeredBy('timertrigger')) return timers.run(found.name);
    if (isTriggeredBy('httptrigger'))
      log(`[${found.name}] was not run: this host runs HTTP functions only by their routes`);
    else {
      invoke(found.id, { string: input }).catch((error: unknown) => {
        log(`[${found.name}] failed: ${(error as Error).message}`);
      });
    }
    return true;
  };
}
