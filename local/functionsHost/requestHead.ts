import type { IncomingMessage } from 'node:http';
import { type Rejection, type RequestTarget, joinValues, parseTarget } from './requestTarget';

/**
 * The checks of Kestrel, the web server of the Functions host, on the head of a request. They follow those of Node's
 * parser. The limits are those of `KestrelServerLimits`, verified on the real host.
 */

/** maximum size of the request line, including its line end; above: 414 */
const MAX_REQUEST_LINE_BYTES = 8 * 1024;
/** maximum size of all header lines together, including line ends; above: 431 */
const MAX_HEADERS_BYTES = 32 * 1024;
/** beyond: 431 */
const MAX_HEADERS = 100;

export interface RequestHead {
  method: string;
  target: RequestTarget;
  host: string;
  /** lower-case names with their values, see {@link joinValues} */
  headers: ReadonlyMap<string, string>;
  /** the first value of `x-functions-key`, which may be repeated */
  functionsKey: string | undefined;
  /** the first value of `x-forwarded-proto`, which may be repeated */
  forwardedProto: string | undefined;
}

export function readHead(request: IncomingMessage): RequestHead | Rejection {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return { status: 505 };
  if (`${method} ${url} HTTP/1.1\r\n`.length > MAX_REQUEST_LINE_BYTES) return { status: 414 };
  if (rawHeaders.length / 2 > MAX_HEADERS || bytesOf(rawHeaders) > MAX_HEADERS_BYTES) return { status: 431 };
  const headers = headersOf(rawHeaders);
  const host = headers?.get('host');
  if (!headers || host === undefined) return { status: 400 };
  if (!hasReadableBody(headers.get('transfer-encoding'))) return { status: 400 };
  const target = parseTarget(method, url, host);
  if ('status' in target) return target;
  const functionsKey = firstValue(rawHeaders, 'x-functions-key');
  const forwardedProto = firstValue(rawHeaders, 'x-forwarded-proto');
  return { method, target, host, headers, functionsKey, forwardedProto };
}

function firstValue(rawHeaders: readonly string[], wanted: string): string | undefined {
  const at = rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === wanted);
  return at < 0 ? undefined : decodeUtf8(rawHeaders[at + 1] ?? '');
}

function bytesOf(rawHeaders: readonly string[]): number {
  const perLine = ': \r\n'.length;
  return rawHeaders.reduce((sum, text) => sum + text.length, (rawHeaders.length / 2) * perLine);
}

/** Kestrel rejects requests that repeat one of these headers. */
const SINGLE = ['content-length', 'host'];

/** @returns undefined if a value is not UTF-8, contains NUL, or repeats a header that must not be repeated */
function headersOf(rawHeaders: readonly string[]): Map<string, string> | undefined {
  const headers = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = decodeUtf8(rawHeaders[i + 1] ?? '');
    const earlier = headers.get(name);
    if (value === undefined || value.includes('\0')) return undefined;
    if (earlier !== undefined && SINGLE.includes(name)) return undefined;
    headers.set(name, joinValues([earlier ?? '', value]));
  }
  // As in Kestrel, the chunks determine the length of the body.
  const length = headers.get('content-length');
  if (length !== undefined && headers.has('transfer-encoding')) {
    headers.delete('content-length');
    headers.set('x-content-length', length);
  } else if (length !== undefined) headers.set('content-length', length.replace(/^0+(?=\d)/, ''));
  return headers;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Node reads header values as Latin-1, Kestrel as UTF-8. */
function decodeUtf8(latin1: string): string | undefined {
  if (/^[\0-\x7f]*$/.test(latin1)) return latin1;
  try {
    return UTF8.decode(Buffer.from(latin1, 'latin1'));
  } catch {
    return undefined;
  }
}

/** If the last transfer coding is not `chunked`, the end of the body cannot be determined. */
export function hasReadableBody(transferEncoding: string | undefined): boolean {
  return transferEncoding === undefined || /(?:^|,)\s*chunked\s*$/i.test(transferEncoding);
}
