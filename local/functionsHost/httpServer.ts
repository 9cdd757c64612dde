import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { answerConnect, answerParseError } from './connectionErrors';
import { type RequestOptions, handleRequest } from './handleRequest';
import { shownPath } from './requestTarget';
import { end } from './response';

/** Larger than Kestrel's limits (`requestHead.ts`), so that this host can tell which limit a request exceeds. */
const MAX_HEAD_BYTES = 256 * 1024;
/**
 * Kestrel's `KeepAliveTimeout` and `RequestHeadersTimeout`, and the interval at which this host checks for late
 * requests.
 */
const KEEP_ALIVE_TIMEOUT_MS = 130_000;
const HEADERS_TIMEOUT_MS = 30_000;
const TIMEOUT_CHECK_MS = 1_000;

export interface HttpServer {
  port: number;
  /** Stops accepting requests, and ends those that are still running after the grace period. */
  close: (graceMs: number) => Promise<void>;
}

/** The parts of a completed request that may be logged. */
export interface ServedRequest {
  method: string;
  /** path without the query, which may contain keys */
  path: string;
  /** undefined: the client disconnected before the response */
  status: number | undefined;
  /** duration from the head of the request to the end of the response */
  ms: number;
}

export interface HttpServerOptions extends RequestOptions {
  onServed?: (request: ServedRequest) => void;
}

/** Serves the app's HTTP functions on the loopback interface. @throws Node's listen error (`code`, `port`) */
export async function startHttpServer(port: number, options: HttpServerOptions): Promise<HttpServer> {
  let closing = false;
  const current = new WeakMap<Duplex, ServerResponse>();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    current.set(request.socket, response);
    response.on('error', () => undefined); // the client disconnected
    response.removeHeader('Connection'); // Kestrel does not announce that it keeps a connection open
    if (closing || isLast(request)) response.setHeader('Connection', 'close');
    const started = performance.now();
    response.once('close', () => {
      if (closing) server.closeIdleConnections();
      const { method = '', url = '' } = request;
      const status = response.headersSent ? response.statusCode : undefined;
      options.onServed?.({ method, path: shownPath(url), status, ms: performance.now() - started });
    });
    handleRequest(request, response, options).catch((error: unknown) => {
      options.log(`The host failed: ${(error as Error).message}`);
      end(response, 500);
    });
  };
  const server = createServer(
    {
      // Kestrel accepts input that Node's strict parser rejects: control characters in header values, bare line feeds,
      // and a Content-Length in a chunked request. This is safe here, because no proxy before this server can
      // interpret such a request differently.
      insecureHTTPParser: true,
      requireHostHeader: false, // checked in requestHead.ts
      maxHeaderSize: MAX_HEAD_BYTES,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 0, // requestBody.ts enforces a minimum rate for bodies instead
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    onRequest,
  );
  server.maxHeadersCount = 0; // counted in requestHead.ts, because Node would drop excess headers
  server.on('checkContinue', onRequest).on('checkExpectation', onRequest);
  server.on('connect', answerConnect).on('clientError', (error, socket) => {
    answerParseError(error, socket, current.get(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async (graceMs) => {
      closing = true;
      const closed = new Promise((resolve) => server.close(resolve));
      const limit = setTimeout(() => {
        server.closeAllConnections();
      }, graceMs);
      await closed;
      clearTimeout(limit);
    },
  };
}

/**
 * Whether the connection is closed after the response. Kestrel also closes it after a chunked request with a
 * Content-Length.
 */
function isLast({ httpVersion, headers }: IncomingMessage): boolean {
  const hasBoth = 'content-length' in headers && 'transfer-encoding' in headers;
  return httpVersion === '1.0' || hasBoth || /\bclose\b/i.test(headers.connection ?? '');
}
