/** Checks the target of a request as Kestrel does. */

/** The response to a request that Kestrel rejects. The connection is closed after it. */
export interface Rejection {
  status: number;
  allow?: string;
}

/** The parsed target of a request. */
export interface RequestTarget {
  /** percent-decoded except for `%2F`, without dot segments; `undefined` for `OPTIONS *` */
  path: string | undefined;
  /** the query as sent, including `?`, or empty */
  query: string;
}

const ABSOLUTE_FORM = /^https?:\/\/(?:[^/?@]*@)?([^/?]+)(.*)$/;
const DEFAULT_PORT = /:(?:80|443)$/;

/**
 * Reads the target of a request line in one of the four forms of RFC 9112, as Kestrel does.
 *
 * @param host the value of `Host`, which the authority of an absolute-form target must equal
 */
export function parseTarget(method: string, url: string, host: string): RequestTarget | Rejection {
  if (url === '*')
    return method === 'OPTIONS' ? { path: undefined, query: '' } : { status: 405, allow: 'OPTIONS' };
  if (url.startsWith('/')) return originForm(url);
  const [, authority, rest = ''] = ABSOLUTE_FORM.exec(url) ?? [];
  if (authority === undefined) return { status: 400 };
  // .NET's URIs have lower-case hosts, so a Host header in upper case does not match.
  const lowerCase = authority.toLowerCase();
  if (lowerCase !== host && lowerCase.replace(DEFAULT_PORT, '') !== host) return { status: 400 };
  return originForm(rest.startsWith('/') ? rest : `/${rest}`);
}

function originForm(target: string): RequestTarget | Rejection {
  const question = target.indexOf('?');
  const rawPath = question < 0 ? target : target.slice(0, question);
  const path = decodePercent(rawPath, '%2f');
  if (path.includes('\0')) return { status: 400 };
  return { path: removeDotSegments(path), query: question < 0 ? '' : target.slice(question) };
}

const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i;
/** A query may contain keys, also if its question mark was encoded by mistake. */
const QUERY = /(?:[?#]|%3f|%23).*$/is;
const MAX_SHOWN = 200;

/**
 * The path of a target for a log: without user name and query, in printable characters, and shortened if it is long.
 */
export function shownPath(url: string): string {
  const path = url.replace(ORIGIN, '').replace(QUERY, '');
  const printable = path.replace(/[^\x21-\x7e]/g, '\ufffd');
  return printable.length > MAX_SHOWN ? `${printable.slice(0, MAX_SHOWN)}…` : printable || '/';
}

/** RFC 3986, section 5.2.4. */
function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, i) => {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
    if ((segment === '.' || segment === '..') && i === segments.length - 1) kept.push('');
  });
  return `/${kept.join('/')}`;
}

const PERCENT_ENCODED =
  /%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3}/gi;

/** Decodes percent-encoded UTF-8. As in ASP.NET Core, invalid UTF-8 is kept unchanged. */
function decodePercent(text: string, kept?: string): string {
  return text.replace(PERCENT_ENCODED, (encoded) => {
    if (encoded.toLowerCase() === kept) return encoded;
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

/** A URL starts with a scheme. What follows the scheme is not checked. */
const SCHEME = /^([a-z][a-z\d+.-]*)(?::|$)/i;

/**
 * The scheme of the URL that a function sees. The front end of Azure sends the scheme of the client in
 * `X-Forwarded-Proto`. With a value of which .NET cannot make a URL, such as `https, http`, the real host responds with
 * 500 instead of running the function.
 *
 * @returns undefined if .NET rejects the URL
 */
export function forwardedScheme(
  forwardedProto: string | undefined,
  host: string,
): 'http' | 'https' | undefined {
  if (!forwardedProto) return 'http';
  const scheme = SCHEME.exec(forwardedProto)?.[1];
  const isFileWithPort = scheme?.toLowerCase() === 'file' && /:\d+$/.test(host);
  if (scheme === undefined || isFileWithPort) return undefined;
  return forwardedProto.toLowerCase() === 'https' ? 'https' : 'http';
}

/** The URL that a function sees: ASP.NET's `PathString` encodes the decoded path again. */
export function urlOf(scheme: string, host: string, { path = '', query }: RequestTarget): string {
  const encoded = path.replace(
    /(%[\da-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/giu,
    (text, isEncoded?: string) => (isEncoded === undefined ? encodeURIComponent(text) : text),
  );
  return `${scheme}://${host}${encoded}${query.replaceAll('#', '%23')}`;
}

/**
 * Parses the parameters of a query as ASP.NET Core does: names that differ only in case are the same name, and the
 * values of a repeated name are joined with a comma.
 */
export function parseQuery(query: string): Map<string, string> {
  const found = new Map<string, { name: string; values: string[] }>();
  for (const [name, value] of pairsOf(query)) {
    const known = found.get(name.toLowerCase());
    if (!known) found.set(name.toLowerCase(), { name, values: [value] });
    // The dictionary keeps the spelling of the second occurrence, as ASP.NET's does.
    else if (known.values.push(value) === 2) known.name = name;
  }
  return new Map([...found.values()].map(({ name, values }) => [name, joinValues(values)]));
}

/** Joins the values of a repeated header or parameter as .NET's `StringValues` does, which leaves out empty ones. */
export function joinValues(values: readonly string[]): string {
  return values.filter((value) => value !== '').join(',');
}

/**
 * The first value of a parameter, whose name is case-insensitive. The real host looks for a key in this value, also if
 * the parameter is repeated.
 */
export function firstParameter(query: string, wanted: string): string | undefined {
  return pairsOf(query).find(([name]) => name.toLowerCase() === wanted)?.[1];
}

/** The decoded names and values of a query, in their order. */
function pairsOf(query: string): [string, string][] {
  const pairs = query.slice(1).split('&');
  return pairs.filter(Boolean).map((pair) => {
    const equals = pair.indexOf('=');
    return equals < 0
      ? [decodeForm(pair), '']
      : [decodeForm(pair.slice(0, equals)), decodeForm(pair.slice(equals + 1))];
  });
}

function decodeForm(text: string): string {
  return decodePercent(text.replaceAll('+', ' '));
}
