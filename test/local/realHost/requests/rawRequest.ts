/** A request, byte by byte. */
export interface RawRequest {
  /** one character is one byte */
  bytes: string;
  /** the client ends its side of the connection after the request */
  end?: boolean;
}

export type RawRequests = Readonly<Record<string, RawRequest>>;

interface Parts {
  headers?: readonly string[];
  body?: string;
  version?: string;
  host?: string | null;
  end?: boolean;
}

export function raw(
  line: string,
  { headers = [], body = '', version = 'HTTP/1.1', host = 'localhost', end }: Parts = {},
): RawRequest {
  const lines = [`${line} ${version}`, ...(host === null ? [] : [`Host: ${host}`]), ...headers, '', ''];
  return { bytes: lines.join('\r\n') + body, ...(end && { end }) };
}

export function withBody(line: string, body: string, headers: readonly string[] = []): RawRequest {
  return raw(line, { headers: [`Content-Length: ${body.length}`, ...headers], body });
}

/** Requests that differ in one item, which names them. */
export function named<T>(
  prefix: string,
  items: readonly T[],
  build: (item: T) => RawRequest,
): Record<string, RawRequest> {
  return Object.fromEntries(items.map((item) => [`${prefix} ${JSON.stringify(item)}`, build(item)]));
}

export function prefixed(prefix: string, requests: Record<string, RawRequest>): Record<string, RawRequest> {
  return Object.fromEntries(
    Object.entries(requests).map(([name, request]) => [`${prefix}: ${name}`, request]),
  );
}
