import { type Child, startChild } from '../childProcess';
import type { DashboardEnvironment } from './process';

/** Room for the Event Hubs SDK's short-lived objects; with V8's own a third of its time goes into collecting them. */
const YOUNG_GENERATION_MB = 32;
/**
 * About twice what waits for the query at the most. Without it V8 lets garbage lie until there are several hundred MB,
 * as long as events come; the SDK's buffers and DuckDB are beside it.
 */
const OLD_GENERATION_MB = 192;
/** glibc gives threads arenas of their own, and each keeps what its busiest moment took. */
const MALLOC_ARENAS = '1';

/** Starts the analytics job and its dashboard. `ready` gives the dashboard's URL. */
export function startDashboard(environment: DashboardEnvironment, log: (line: string) => void): Child {
  return startChild({
    name: 'the dashboard',
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
