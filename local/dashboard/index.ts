import type { Server } from 'node:net';
import { type Child, startChild } from '../childProcess';
import type { DashboardEnvironment } from './process';

/**
 * Size of V8's young generation in MB, for the short-lived objects of each message. V8's default is collected more often.
 */
const YOUNG_GENERATION_MB = 32;
/**
 * Limit of V8's heap in MB, about twice the maximum of data that waits for the query. Without it, V8 lets garbage grow
 * to several hundred MB while events arrive. The buffers of messages and DuckDB are not part of this heap.
 */
const OLD_GENERATION_MB = 192;
/** glibc gives each thread its own arena, which keeps the memory of its peak use. */
const MALLOC_ARENAS = '1';

/**
 * Starts the analytics job and its dashboard. `ready` resolves with the dashboard's URL.
 *
 * @param listener already listens on the port of the environment
 */
export function startDashboard(
  environment: DashboardEnvironment,
  log: (line: string) => void,
  listener?: Server,
): Child {
  return startChild({
    name: 'the dashboard',
    listener,
    args: [
      `--max-semi-space-size=${YOUNG_GENERATION_MB}`,
      `--max-old-space-size=${OLD_GENERATION_MB}`,
      'local/launch.mjs',
      'dashboard',
    ],
    env: { MALLOC_ARENA_MAX: MALLOC_ARENAS, ...environment },
    ready: /^dashboard ready (\S+)/,
    log,
  });
}
