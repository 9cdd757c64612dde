/** What all HTTP functions share: preflights, pings, query checks and error responses. */

import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { type Log, type LogOf, placeOf } from '../logging';
import { Problem } from '../errorCodes';
import { requireQueryNames } from './queryParameters';
import { forWorker, json, noContent, problemDetails } from './response';
import type { Cors } from './cors';

export interface Endpoint {
  log: LogOf;
  /** set for endpoints that web pages call */
  cors?: Cors;
  /** headers of every response, including errors */
  headers?: Record<string, string>;
  /** names of the query parameters that `handle` reads */
  parameters?: readonly string[];
  /** opens the connections that a request needs; `?action=ping` waits for it */
  warmUp: () => Promise<void>;
  handle: (request: HttpRequest, log: Log) => Promise<HttpResponseInit>;
}

/** Wraps a handler with what all HTTP functions share: preflights, pings, and errors as problem details with CORS headers. */
export function endpoint({
  log: logOf,
  cors,
  headers,
  parameters = [],
  warmUp,
  handle,
}: Endpoint): HttpHandler {
  async function respond(request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
    if (cors && request.method === 'OPTIONS') return noContent(cors.preflightHeaders(request));
    const log = logOf(context);
    const common = { ...headers, ...cors?.headers(request) };
    try {
      requireQueryNames(request, ['action', ...parameters]);
      if (request.query.get('action') === 'ping') {
        await warmUp();
        return json(200, { status: 'ok' }, common);
      }
      const handled = await handle(request, log);
      return { ...handled, headers: { ...(handled.headers as Record<string, string>), ...common } };
    } catch (error) {
      report(error, log);
      return problemDetails(error, common);
    }
  }
  return async (request, context) => forWorker(await respond(request, context));
}

/** Logs errors that the operator can fix. Client errors are only returned to the client. */
export function report(error: unknown, log: Log): void {
  if (!(error instanceof Problem)) {
    const name = error instanceof Error ? error.name : typeof error;
    log.error(`Unexpected ${name}\n${placeOf(error)}`);
  } else if (error.code === 'settings_invalid') {
    log.error(`${error.code}: ${error.message}`);
  } else if (error.status >= 500 || error.status === 429) {
    log.warn(`${error.code}: ${error.message}`);
  }
}
