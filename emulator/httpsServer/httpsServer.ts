/** The HTTPS server of the emulator: limits, host names, timeouts and connection faults. */

import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';
import { errorBody, IotHubError } from '../iotHubError';
import { BLOB_PATH } from '../fileUploads';
import { isHealthRequest } from '../health';
import { listen } from '../listen';
import type { Log } from '../log';
import { deviceServerOptions, serverNameOf, trackTcpSockets } from '../transport';
import { hostRejection, isAllowedHost, isForeignOrigin, originForm } from './allowedHosts';

/** HTTP.sys, the HTTP server of IoT Hub, keeps idle connections open for two minutes. */
const KEEP_ALIVE_TIMEOUT_MS = 120_000;
/** Pause between attempts to listen again. */
const REOPEN_PAUSE_MS = 100;

const ADMIN_PATH = /^\/_emulator(?:[/?]|$)/;

const BAD_REQUEST = 400;
const MISDIRECTED_REQUEST = 421;
const HOST_ERRORS = {
  [BAD_REQUEST]:
    'the request needs exactly one Host header, and an absolute URL in its first line needs the same host',
  [MISDIRECTED_REQUEST]: 'the Host header names another server: allow it with --allowed-hosts',
};
const SERVER_NAME_ERROR =
  'the server name of TLS (SNI) is that of another server: allow it with --allowed-hosts';

const FORBIDDEN = 403;
const FOREIGN_ORIGIN =
  'pages of other hosts may not open WebSockets: allow the host of the page with --allowed-hosts';

/** A response of the hub's REST API. */
export interface HubResponse {
  readonly status: number;
  /** Sent as JSON; absent: no body. */
  readonly body?: unknown;
  /** Sent as it is, in the place of `body`. */
  readonly rawBody?: Buffer;
  readonly etag?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The outcome of a request: a response, a reset connection, or no response at all. */
export type Outcome = HubResponse | 'reset' | 'silence';

export interface HttpsServer {
  readonly port: number;
  isListening(): boolean;
  connections(): number;
  /**
   * Resets every connection, and listens again on the same port after a while. The connections of requests to the admin
   * API are closed after their responses instead. Returns the number of connections.
   */
  restart(downMs: number): number;
  close(): Promise<void>;
}

export interface HttpsServerOptions {
  /** The IP address to listen on. */
  readonly address: string;
  readonly port: number;
  readonly certificate: { readonly key: string; readonly cert: string };
  /** PEM; authorities that sign certificates of devices. */
  readonly trustedCas: readonly string[];
  readonly handleHub: (request: IncomingMessage) => Promise<Outcome>;
  readonly handleAdmin: RequestListener;
  readonly handleHealth: RequestListener;
  /** Forwards requests to the storage of file uploads. */
  readonly handleBlobs: RequestListener;
  /** Serves an upgrade request. If it throws an IotHubError, the server writes the error to the socket. */
  readonly handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, reset: () => void) => void;
  /**
   * Allowed host names besides those of the loopback interface: the hub's name and the configured ones, in lower case.
   */
  readonly hostNames: readonly string[];
  readonly log: Log;
}

/** Rejects with Node's listen error (`code`, `port`). */
export async function startHttpsServer(options: HttpsServerOptions): Promise<HttpsServer> {
  const { certificate, trustedCas, handleHub, handleUpgrade, hostNames, log } = options;
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    ...deviceServerOptions(certificate, trustedCas),
  });
  const sockets = trackTcpSockets(server);
  /** The responses of the admin API that have not ended. One of them may be that of the request for a restart. */
  const adminResponses = new Set<ServerResponse>();
  if (log.isDebug) {
    server.on('secureConnection', (socket: TLSSocket) => {
      const peer = peerOf(socket);
      log.debug(() => `${peer} connected`);
      socket.on('close', () => log.debug(() => `${peer} disconnected`));
    });
  }
  server.on('tlsClientError', ({ message }: Error) => log.debug(() => `https TLS failed: ${message}`));

  /** Why a request is not for this server. Undefined: it is. */
  const rejectionOf = (request: IncomingMessage) => {
    const status = hostRejection(request, hostNames);
    if (status !== undefined) return { status, body: { error: HOST_ERRORS[status] } };
    const serverName = serverNameOf(request.socket);
    if (serverName === undefined || isAllowedHost(serverName, hostNames)) return undefined;
    return { status: MISDIRECTED_REQUEST, body: { error: SERVER_NAME_ERROR } };
  };

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (log.isDebug) logResponse(log, request, response);
    const rejection = rejectionOf(request);
    if (rejection) {
      writeAnswer(response, rejection.status, rejection.body, { Connection: 'close' });
      return;
    }
    request.url = originForm(request.url);
    if (isHealthRequest(request)) {
      options.handleHealth(request, response);
      return;
    }
    if (request.url.startsWith(`${BLOB_PATH}/`)) {
      options.handleBlobs(request, response);
      return;
    }
    if (ADMIN_PATH.test(request.url)) {
      adminResponses.add(response);
      response.once('close', () => adminResponses.delete(response));
      options.handleAdmin(request, response);
      return;
    }
    handleHub(request)
      .then((outcome) => {
        if (outcome === 'reset') sockets.reset(request.socket);
        else if (outcome !== 'silence')
          writeAnswer(response, outcome.status, outcome.rawBody ?? outcome.body, {
            ...outcome.headers,
            ...etagHeader(outcome.etag),
          });
      })
      .catch((error: unknown) => {
        const known = error instanceof IotHubError ? error : undefined;
        if (!known && !request.complete) return; // the client disconnected
        if (!known)
          log.error(`hub request failed: ${error instanceof Error ? error.message : String(error)}`);
        if (response.headersSent) {
          response.destroy();
          return;
        }
        const answer =
          known ?? new IotHubError('ServerError', 'An error occurred on the server, please retry.');
        const close = request.complete ? {} : { Connection: 'close' };
        const headers = { ...answer.headers, ...close, 'iothub-errorcode': answer.code };
        writeAnswer(response, answer.status, errorBody(answer), headers);
      });
  });

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    const rejection = rejectionOf(request);
    if (rejection) {
      refuseUpgrade(socket, rejection.status, rejection.body);
      return;
    }
    if (isForeignOrigin(request.headers.origin, hostNames)) {
      refuseUpgrade(socket, FORBIDDEN, { error: FOREIGN_ORIGIN });
      return;
    }
    request.url = originForm(request.url);
    try {
      handleUpgrade(request, socket, head, () => sockets.reset(request.socket));
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error;
      refuseUpgrade(socket, error.status, errorBody(error));
    }
  });

  const port = await listen(server, options.address, options.port);
  let downUntil: NodeJS.Timeout | undefined;
  let isClosed = false;

  /** While the server is down, the system may give its port to the connection of a client for a while. */
  const reopen = (hasFailed = false): void => {
    listen(server, options.address, port).then(
      () => {
        if (hasFailed) log.info(`the port ${port} is open again`);
      },
      (error: unknown) => {
        if (!hasFailed) log.error(`the port could not be opened again: ${String(error)}`);
        if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE' && !isClosed)
          downUntil = setTimeout(() => reopen(true), REOPEN_PAUSE_MS);
      },
    );
  };

  return {
    port,
    isListening: () => server.listening,
    connections: sockets.count,
    restart(downMs) {
      const connections = sockets.count();
      const kept = [...adminResponses].flatMap((response) => {
        response.shouldKeepAlive = false;
        return response.socket ?? [];
      });
      server.close();
      sockets.resetAll(kept);
      clearTimeout(downUntil);
      downUntil = setTimeout(() => reopen(), downMs);
      return connections;
    },
    close: () =>
      new Promise((resolve) => {
        isClosed = true;
        clearTimeout(downUntil);
        server.close(() => resolve());
        sockets.destroyAll();
      }),
  };
}

/** Without the query, which may contain a token. */
function logResponse(
  log: Log,
  { method = '', url = '', socket }: IncomingMessage,
  response: ServerResponse,
): void {
  const started = performance.now();
  response.once('close', () =>
    log.debug(() => {
      const outcome = response.writableFinished ? response.statusCode : 'no response';
      const milliseconds = Math.round(performance.now() - started);
      return `${peerOf(socket)} ${method} ${url.split('?', 1)[0] ?? ''}: ${outcome} (${milliseconds} ms)`;
    }),
  );
}

const peerOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string =>
  `https ${remoteAddress}:${remotePort}`;

const etagHeader = (etag: string | undefined): Record<string, string> =>
  etag === undefined ? {} : { ETag: `"${etag}"` };

function writeAnswer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  const common = { Server: 'Microsoft-HTTPAPI/2.0', 'x-ms-request-id': randomUUID(), ...headers };
  if (body === undefined) {
    response.writeHead(status, common).end();
    return;
  }
  const json = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  response
    .writeHead(status, {
      ...common,
      'Content-Type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json; charset=utf-8',
      'Content-Length': json.length,
    })
    .end(json);
}

function refuseUpgrade(socket: Duplex, status: number, body: object): void {
  const json = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  );
}
