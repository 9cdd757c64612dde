/** The timer function that keeps an instance warm by pinging the HTTP functions. */

import { type InvocationContext, type Timer, app } from '@azure/functions';
import type { Log } from '../logging';
import { DEFAULT_KEEP_ALIVE_SCHEDULE } from '../settings';
import type { Startup } from '../startup';

const PATHS = ['/api/devices', '/api/messages', '/api/message_feed'];
/** Long enough for a cold start. */
const PING_TIMEOUT_MS = 30_000;

/** Timer: pings the HTTP functions, so that an instance with an open connection to the hub exists when a page sends. */
export function keepAlive({ settings, settingsProblem, log: logOf }: Startup): void {
  app.timer('keepAlive', {
    schedule: settings?.keepAliveSchedule ?? DEFAULT_KEEP_ALIVE_SCHEDULE,
    handler: async (timer: Timer, context: InvocationContext) => {
      const log = logOf(context);
      if (timer.isPastDue) {
        log.info('Keep-alive is past due: skipped, the next one is on time');
      } else if (!settings) {
        log.error(`Keep-alive pings nothing: ${settingsProblem ?? 'the settings are invalid'}`);
      } else if (!settings.keepAliveTarget) {
        log.warn('Keep-alive has nothing to ping: AF_HOST is not set');
      } else {
        const { keepAliveTarget: target, keepAliveFunctionKey: key } = settings;
        await Promise.all(PATHS.map((path) => ping(new URL(`${path}?action=ping`, target), key, log)));
      }
    },
  });
}

/** Never throws. A failed ping is logged. */
async function ping(url: URL, functionKey: string | undefined, log: Log): Promise<void> {
  try {
    const response = await fetch(url, {
      headers: functionKey === undefined ? {} : { 'x-functions-key': functionKey },
      signal: AbortSignal.timeout(PING_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    if (!response.ok) log.warn(`Keep-alive: ${url.pathname} responded ${response.status}`);
  } catch (error) {
    const { name, cause } = error as Error;
    const reason = (cause as NodeJS.ErrnoException | undefined)?.code ?? name;
    log.warn(`Keep-alive: ${url.pathname} could not be reached (${reason})`);
  }
}
