/** Logs one line per request to the functions. */

import type { ServedRequest } from './functionsHost';

export const VERBOSE_HELP = 'shows a line per request to the functions, such as a poll of the feed';

/** Logs `GET /api/message_feed 200 12 ms` for each request. */
export function logRequests(log: (line: string) => void): (request: ServedRequest) => void {
  return ({ method, path, status, ms }) => {
    log(`${method} ${path} ${status ?? 'no response: the client disconnected'} ${Math.round(ms)} ms`);
  };
}
