import type { Dispatcher, Pool } from 'undici';
import type { HubResponse } from './hubResponse';

/** A request, with the state of the connection that sends it. */
export interface HubRequest extends Dispatcher.DispatchOptions {
  connection?: QuietConnection;
  /** nothing was received on the connection for a while */
  mayBeDead?: boolean;
}

export interface QuietConnection {
  /** when the hub last responded on it, `Date.now()` */
  respondedAt: number | undefined;
}

/** A request on a possibly stale connection got no response. It should be repeated on a new connection. */
export class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

/**
 * Sends one request. If `signal` is aborted, the connection is closed, so that the request cannot continue.
 *
 * @param quietMs timeout on a connection that may be stale
 * @throws {StaleConnectionError}
 */
export function dispatchRequest(
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  { signal, quietMs }: { signal?: AbortSignal | undefined; quietMs: number },
): Promise<HubResponse> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let quiet: NodeJS.Timeout | undefined;
    const sent: HubRequest = { ...request };
    const abort = (reason: Error): void => {
      controller?.abort(reason);
      over();
      reject(reason);
    };
    const onAbort = (): void => {
      abort(signal?.reason as Error);
    };
    const over = (): void => {
      clearTimeout(quiet);
      signal?.removeEventListener('abort', onAbort);
    };
    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    const response: HubResponse = { statusCode: 0, headers: {}, body: '' };
    pool.dispatch(sent, {
      onRequestStart: (started) => {
        controller = started;
        if (signal?.aborted) started.abort(signal.reason as Error);
      },
      onResponseStart: (_, statusCode, headers) => {
        clearTimeout(quiet);
        if (sent.connection) sent.connection.respondedAt = Date.now();
        response.statusCode = statusCode;
        response.headers = headers;
      },
      onResponseData: (_, chunk) => {
        response.body += chunk.toString('latin1');
      },
      onResponseEnd: () => {
        over();
        resolve(response);
      },
      onResponseError: (_, error) => {
        over();
        reject(error);
      },
    });
    if (sent.mayBeDead) {
      quiet = setTimeout(() => {
        abort(new StaleConnectionError('The hub did not respond on a connection that may be stale'));
      }, quietMs);
    }
  });
}
