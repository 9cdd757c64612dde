import { connect } from 'node:net';

/** A response as it came over the wire. */
export interface WireResponse {
  /** 0: the server closed the connection without a response */
  status: number;
  /** in the order of their names; lines of the same name are joined with a line break */
  headers: Record<string, string>;
  /** shortened if it is long */
  body: string;
}

const HEAD_END = '\r\n\r\n';
const TIMEOUT_MS = 20_000;

/**
 * Sends bytes to a server and returns its first final response.
 *
 * @param bytes the request, one character a byte
 * @param end whether the client ends its side after the request, as a client that is cut off does
 */
export function exchange(
  port: number,
  bytes: string,
  end = false,
  timeoutMs = TIMEOUT_MS,
): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    const finish = (response: WireResponse): void => {
      clearTimeout(timeout);
      socket.destroy();
      resolve(response);
    };
    const timeout = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(
          `no complete response to ${JSON.stringify(bytes.slice(0, 80))}, but ${received.slice(0, 200)}`,
        ),
      );
    }, timeoutMs);
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      socket.write(bytes, 'latin1');
      if (end) socket.end();
    });
    socket.on('data', (text: string) => {
      received += text;
      const response = parseResponse(received, false, bytes.startsWith('HEAD '));
      if (response) finish(response);
    });
    socket.on('error', () => undefined); // a reset: `close` follows
    socket.on('close', () => {
      finish(
        parseResponse(received, true, bytes.startsWith('HEAD ')) ?? { status: 0, headers: {}, body: '' },
      );
    });
  });
}

/** @returns undefined while the response is incomplete */
function parseResponse(text: string, isClosed: boolean, isHead: boolean): WireResponse | undefined {
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const rest = text.slice(headEnd + HEAD_END.length);
  if (status < 200) return parseResponse(rest, isClosed, isHead);
  const headers = parseHeaders(lines);
  const body = bodyOf(rest, headers, isClosed, isHead || status === 204 || status === 304);
  return body === undefined
    ? undefined
    : { status, headers, body: shorten(Buffer.from(body, 'latin1').toString()) };
}

/** Long bodies are compared by their beginnings and lengths. */
function shorten(text: string): string {
  return text.length > 1_000 ? `${text.slice(0, 100)}… (${text.length} characters)` : text;
}

function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of [...lines].sort()) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name] ?? ''}\n${value}` : value;
  }
  return headers;
}

function bodyOf(
  rest: string,
  headers: Record<string, string>,
  isClosed: boolean,
  isEmpty: boolean,
): string | undefined {
  if (isEmpty) return '';
  if (headers['transfer-encoding'] === 'chunked') return unchunk(rest);
  const length = headers['content-length'];
  if (length !== undefined) return rest.length >= Number(length) ? rest.slice(0, Number(length)) : undefined;
  return isClosed ? rest : undefined;
}

function unchunk(rest: string): string | undefined {
  let body = '';
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(rest.slice(at, lineEnd), 16);
    if (size === 0) return rest.includes(HEAD_END, lineEnd) ? body : undefined;
    if (rest.length < lineEnd + 4 + size) return undefined;
    body += rest.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 4 + size;
  }
}
