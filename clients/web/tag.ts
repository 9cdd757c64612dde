/** Carries out the commands of the loader snippet. */

import type { Hubfront, HubfrontOptions } from './api';
import { createHubfront } from './hubfront';
import { type Tracking, type TrackingOptions, startTracking } from './tracking';

/** A call of the function that the loader snippet defines: `hf('track', { event: 'page' })`. */
type Command = readonly [name: string, ...values: unknown[]];

interface TagWindow {
  hf?: { (...command: Command): void; q?: readonly Command[] };
}

/**
 * Carries out the commands of a page with the loader snippet: first the queued ones, then each new one immediately.
 */
export function runTag(page: TagWindow): void {
  let hubfront: Hubfront | undefined;
  let tracking: Tracking | undefined;
  const early: Command[] = [];
  const run = (command: Command): void => {
    const [name, ...values] = command;
    if (name === 'start') {
      const options = values[0] as HubfrontOptions & TrackingOptions;
      hubfront = createHubfront(options);
      tracking = startTracking(hubfront, options);
      for (const waiting of early.splice(0)) run(waiting);
    } else if (!hubfront || !tracking) early.push(command);
    else if (name in tracking) call(tracking, name, values);
    else if (name in hubfront) call(hubfront, name, values);
    else console.error(`hubfront: there is no command ${name}`);
  };
  const carryOut = (...command: Command): void => {
    try {
      run(command);
    } catch (error) {
      console.error('hubfront:', error);
    }
  };
  const queued = page.hf?.q ?? [];
  page.hf = carryOut;
  // the `arguments` objects that the snippet has queued
  for (const command of queued) carryOut(...(Array.from(command) as unknown as Command));
}

function call(on: object, name: string, values: readonly unknown[]): void {
  const found = (on as Record<string, unknown>)[name];
  if (typeof found === 'function') (found as (...given: readonly unknown[]) => unknown)(...values);
}
