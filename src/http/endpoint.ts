import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { Problem } from '../problems';
import { forWorker, json, noContent, problemDetails } from './response';
import type { Cors } from './cors';

export interface Endpoint {
  /** for endpoints that web pages call */
  cors?: Cors;
  /** on every answer, errors included */
  headers?: Record<string, string>;
  /** opens what a request needs; `?action=ping` waits for it */
  warmUp: () => Promise<void>;
  handle: (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>;
}

/** What all HTTP functions share: preflights, pings, and errors as problem details with CORS headers. */
export function endpoint({ cors, headers, warmUp, handle }: Endpoint): HttpHandler {
  async function answer(request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
    if (cors && request.method === 'OPTIONS') return noContent(cors.preflightHeaders(request));
    const common = { ...headers, ...cors?.headers(request) };
    try {
      if (request.query.get('action') === 'ping') {
        await warmUp();
        return json(200, { status: 'ok' }, common);
      }
      const handled = await handle(request, context);
      return { ...handled, headers: { ...(handled.headers as Record<string, string>), ...common } };
    } catch (error) {
      report(error, context);
      return problemDetails(error, common);
    }
  }
  return async (request, context) => forWorker(await answer(request, context));
}

/** Client errors are the client's to mend and are told to it alone; the rest is the operator's. */
export function report(error: unknown, context: InvocationContext): void {
  if (!(error instanceof Problem)) {
    // The message of an unknown error may quote what it worked on, keys included: its kind and place are logged.
    const { name, stack } = error instanceof Error ? error : new Error();
    context.error(`Unexpected ${name}`, stack?.split('\n').slice(1, 6).join('\n'));
  } else if (error.status >= 500 || error.status === 429) {
    context.warn(`${error.code}: ${error.message}`);
  }
}
