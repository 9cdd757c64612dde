import { type IncomingMessage, STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Responses to input that Node's HTTP parser rejects. They are written directly to the connection. */

/** The fields of a `clientError` that are used here. */
interface ParseError extends Error {
  code?: string;
  bytesParsed?: number;
  rawPacket?: Buffer;
}

const CLIENT_IS_GONE = ['ECONNRESET', 'HPE_INVALID_EOF_STATE'];
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
/** A request line with a method that Node's parser does not know. */
const OTHER_METHOD = /^[!#$%&'*+.^_`|~\w-]+ \/\S* HTTP\/1\.[01]$/;

/**
 * The listener of a server's `clientError`.
 *
 * @param current the response that is being sent on the connection, if any. It is sent first
 */
export function answerParseError(error: ParseError, socket: Duplex, current?: ServerResponse): void {
  if (!socket.writable || CLIENT_IS_GONE.includes(error.code ?? '')) socket.destroy();
  else if (current && !current.closed) current.once('close', () => socket.destroy());
  else writeStatus(socket, STATUS_BY_CODE[error.code ?? ''] ?? (isOtherMethod(error) ? 404 : 400));
}

/** The listener of a server's `connect`. Functions cannot have this method. */
export function answerConnect({ url = '' }: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => undefined);
  writeStatus(socket, url.startsWith('/') ? 404 : 400);
}

function isOtherMethod({ code, bytesParsed = 0, rawPacket }: ParseError): boolean {
  if (code !== 'HPE_INVALID_METHOD' || !rawPacket) return false;
  const text = rawPacket.toString('latin1');
  const start = text.lastIndexOf('\n', bytesParsed - 1) + 1;
  return OTHER_METHOD.test(text.slice(start).split('\r\n', 1)[0] ?? '');
}

function writeStatus(socket: Duplex, status: number): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Length: 0',
    'Connection: close',
    `Date: ${new Date().toUTCString()}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n`);
}
