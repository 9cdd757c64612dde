import type { Dispatcher, Pool } from 'undici';

/** An answer of the hub. */
export interface HubResponse {
  statusCode: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** One request; when `signal` is aborted its connection is closed, so that nothing of it is left under way. */
export function respond(
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  signal?: AbortSignal,
): Promise<HubResponse> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    const onAbort = (): void => {
      const reason = signal?.reason as Error;
      controller?.abort(reason);
      reject(reason);
    };
    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    const response: HubResponse = { statusCode: 0, headers: {}, body: '' };
    pool.dispatch(request, {
      onRequestStart: (started) => {
        controller = started;
        if (signal?.aborted) started.abort(signal.reason as Error);
      },
      onResponseStart: (_, statusCode, headers) => {
        response.statusCode = statusCode;
        response.headers = headers;
      },
      onResponseData: (_, chunk) => {
        response.body += chunk.toString('latin1');
      },
      onResponseEnd: () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(response);
      },
      onResponseError: (_, error) => {
        signal?.removeEventListener('abort', onAbort);
        reject(error);
      },
    });
  });
}
