import { startChild } from '../childProcess';
import { type Supervised, supervise } from '../supervise';
import type { SensorsEnvironment } from './process';

export { startFleet } from './fleet';
export { STORES } from './stores';

/** Starts the simulated sensors of the stores. `ready` resolves with their device ids. */
export function startSensors(environment: SensorsEnvironment, log: (line: string) => void): Supervised {
  return supervise({
    name: 'The sensors',
    start: () =>
      startChild({
        name: 'the sensors',
        args: ['local/launch.mjs', 'sensors'],
        env: environment,
        ready: /^sensors ready (.+)/,
        log,
      }),
    consequence: 'They are restarted.',
    log,
  });
}
