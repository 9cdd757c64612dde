import {
  request as forward,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream';
import type { BlobStorage } from './blobStorage';

/** The path of the emulator under which devices reach a storage without TLS. */
export const BLOB_PATH = '/_blobs';

/** How long the storage may be silent. */
const STORAGE_TIMEOUT_MS = 120_000;
/** How long a request may take, with its response. */
const REQUEST_TIMEOUT_MS = 10 * 60 * 1_000;
/** Device SDKs send a larger file in blocks. The largest first part of an SDK for storage, that of .NET. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;

const METHODS: readonly (string | undefined)[] = ['GET', 'HEAD', 'PUT'];
/**
 * The headers that are for one connection (RFC 9110, 7.6.1), and those with credentials: only the SAS authorizes a
 * request.
 */
const NOT_FORWARDED = [
  ...['connection', 'expect', 'keep-alive', 'te', 'trailer', 'upgrade', 'proxy-connection'],
  ...['authorization', 'cookie', 'proxy-authorization'],
];
/** With it, the storage itself would read from a server that the client names. */
const COPY_SOURCE = 'x-ms-copy-source';

const HTTP_BAD_REQUEST = 400;
const HTTP_FORBIDDEN = 403;
const HTTP_NOT_FOUND = 404;
const HTTP_METHOD_NOT_ALLOWED = 405;
const HTTP_CONTENT_TOO_LARGE = 413;
const HTTP_BAD_GATEWAY = 502;

/**
 * Forwards the requests of devices to a storage without TLS, such as Azurite's default: device SDKs upload over HTTPS
 * only. It forwards a request only if its URL has the SAS of an upload to this blob.
 */
export function createBlobForwarder(storages: readonly BlobStorage[]): RequestListener {
  return (incoming, response) => {
    targetOf(incoming, storages).then(
      (target) => {
        if (response.destroyed) return; // the client has disconnected
        if (typeof target === 'number') reject(incoming, response, target);
        else forwardTo(target, incoming, response);
      },
      () => reject(incoming, response, HTTP_BAD_GATEWAY),
    );
  };
}

/** The URL at the storage, or the status with which the request is rejected. */
async function targetOf(
  { method, url = '', headers }: IncomingMessage,
  storages: readonly BlobStorage[],
): Promise<URL | number> {
  const [first] = storages;
  if (first?.accountUrl.protocol !== 'http:') return HTTP_NOT_FOUND;
  if (!METHODS.includes(method)) return HTTP_METHOD_NOT_ALLOWED;
  if (COPY_SOURCE in headers) return HTTP_FORBIDDEN;
  if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) return HTTP_CONTENT_TOO_LARGE;
  // The host is always that of the storage. The URL resolves `..`, and the storage gets the resolved path.
  const path = url.slice(BLOB_PATH.length);
  if (!URL.canParse(`${first.accountUrl.origin}${path}`)) return HTTP_BAD_REQUEST;
  const target = new URL(`${first.accountUrl.origin}${path}`);
  for (const storage of storages) {
    const prefix = `${storage.accountUrl.pathname.replace(/\/$/, '')}/${storage.containerName}/`;
    if (!target.pathname.startsWith(prefix)) continue;
    const blobName = decoded(target.pathname.slice(prefix.length));
    if (blobName === undefined || blobName === '') return HTTP_BAD_REQUEST;
    return (await storage.isAuthorized(blobName, target.searchParams)) ? target : HTTP_FORBIDDEN;
  }
  return HTTP_NOT_FOUND;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function reject(incoming: IncomingMessage, response: ServerResponse, status: number): void {
  incoming.resume();
  response.writeHead(status, { connection: 'close' }).end();
}

function forwardTo(target: URL, incoming: IncomingMessage, response: ServerResponse): void {
  const outgoing = forward(
    target,
    {
      method: incoming.method,
      headers: { ...withoutConnection(incoming.headers), host: target.host },
      agent: false,
      timeout: STORAGE_TIMEOUT_MS,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    },
    (answer) => {
      if (response.headersSent) {
        answer.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? HTTP_BAD_GATEWAY, withoutConnection(answer.headers));
      pipeline(answer, response, () => undefined); // it destroys both if one fails
    },
  );
  const fail = (status: number) => {
    if (response.headersSent) response.destroy();
    else reject(incoming, response, status);
  };
  outgoing.on('timeout', () => outgoing.destroy());
  outgoing.on('error', () => fail(HTTP_BAD_GATEWAY));
  response.on('close', () => outgoing.destroy());
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES || outgoing.destroyed) return;
    fail(HTTP_CONTENT_TOO_LARGE);
    outgoing.destroy();
  });
  incoming.pipe(outgoing);
}

const withoutConnection = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_FORWARDED.includes(name)));
