import { readFileSync } from 'node:fs';
import { Client, type Dispatcher, Pool } from 'undici';
import {
  type ConnectionSettings,
  IDLE_TIMEOUT_MS,
  MAX_SOCKETS,
  SOCKET_TIMEOUT_MARGIN_MS,
  connectionOpened,
  isStale,
  staleConnectionLimitMs,
} from '../hubConnection';
import type { HubResponse } from './hubResponse';
import {
  StaleConnectionError,
  type HubRequest,
  type QuietConnection,
  dispatchRequest,
} from './staleConnection';

/** The keep-alive connections that all device-to-cloud messages share, with one request at a time on each. */
export interface ConnectionPool {
  /** Sends one request, which the hub may receive twice. @param signal aborts the request and closes its connection */
  request: (request: Dispatcher.DispatchOptions, signal?: AbortSignal) => Promise<HubResponse>;
  close: () => void;
}

export function createConnectionPool(settings: ConnectionSettings): ConnectionPool {
  let pool = openPool(settings);
  const quietMs = staleConnectionLimitMs(settings);
  return {
    request: async (request, signal) => {
      const used = pool;
      try {
        return await dispatchRequest(used, request, { signal, quietMs });
      } catch (error) {
        if (!(error instanceof StaleConnectionError)) throw error;
        if (pool === used) {
          void used.close(); // other idle connections in it are probably stale, too
          pool = openPool(settings);
        }
        return dispatchRequest(pool, request, { signal, quietMs });
      }
    },
    close: () => void pool.destroy(),
  };
}

/**
 * Opens a connection to the hub, unless one is free already, as the registry's agent does.
 *
 * @throws {Problem} `hub_unavailable`, `hub_timeout`
 */
export async function openPoolConnection(settings: ConnectionSettings, pool: ConnectionPool): Promise<void> {
  // GET, because the pool closes its connection after a HEAD.
  const responded = pool.request({ method: 'GET', path: '/', headers: { host: settings.hubHostName } });
  await connectionOpened(responded, settings);
}

function openPool(settings: ConnectionSettings): Pool {
  const { hubHostName, hubEndpoint, hubCaFile, hubDeadlineMs } = settings;
  const { host, port } = hubEndpoint ?? { host: hubHostName, port: 443 };
  return new Pool(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, {
    connections: MAX_SOCKETS,
    pipelining: 1,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    headersTimeout: hubDeadlineMs + SOCKET_TIMEOUT_MARGIN_MS,
    bodyTimeout: hubDeadlineMs + SOCKET_TIMEOUT_MARGIN_MS,
    connect: {
      servername: hubHostName,
      timeout: hubDeadlineMs,
      ...(hubCaFile === undefined ? {} : { ca: readFileSync(hubCaFile) }),
    },
    factory: (origin, options) => new StaleCheckingClient(origin, options),
  });
}

/** Marks requests that are sent on a connection which may be stale after an idle time. */
class StaleCheckingClient extends Client implements QuietConnection {
  respondedAt: number | undefined;

  override dispatch(request: HubRequest, handler: Dispatcher.DispatchHandler): boolean {
    request.connection = this;
    request.mayBeDead = this.stats.connected && isStale(this.respondedAt);
    return super.dispatch(request, handler);
  }
}
