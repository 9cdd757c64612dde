/** Where the dev host differs from the real host on purpose, or because Node's HTTP parser does. */
export interface Difference {
  why: string;
  /** names of requests */
  requests: readonly string[];
  /** the dev host's status, and the headers that differ: undefined for a header that it does not send */
  status?: number;
  headers?: Readonly<Record<string, string | undefined>>;
  /** what the dev host's body contains */
  body?: string;
}

const host = (name: string | null): string => `host ${JSON.stringify(name)}`;
const target = (path: string): string => `target ${JSON.stringify(path)}`;

export const DIFFERENCES: readonly Difference[] = [
  {
    why: 'local servers serve local names alone (DNS rebinding)',
    requests: [
      ...['', 'local host', 'localhost:', 'localhost:a', 'localhost:99999', 'user@localhost', 'localhost/x'],
      ...[
        'loc\xc3\xa9',
        '[::1',
        '::1',
        'a'.repeat(300),
        'localhost?x',
        'localhost#',
        'under_score',
        '-',
        '.',
      ],
    ].map(host),
    status: 421,
    headers: { connection: 'close', 'content-length': '0' },
  },
  {
    why: 'a request without a host is rejected in HTTP/1.0, too',
    requests: ['host in HTTP/1.0 null'],
    status: 400,
  },
  {
    why: 'the page at / is our own',
    requests: [
      ...['/', 'http://localhost', 'http://localhost/', 'http://localhost?a=1'].map(target),
      ...['POST', 'DELETE'].map((method) => `page by "${method}"`),
    ],
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<html lang="en">',
  },
  {
    why: 'the page at / is our own',
    requests: ['page by "HEAD"'],
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-length': undefined },
  },
  {
    why: 'the dev host has no webhooks of extensions',
    requests: [target('/runtime/webhooks/x')],
    status: 404,
    headers: { 'www-authenticate': undefined },
  },
  {
    why: "Node's parser knows the registered methods alone, in capitals: the connection ends after the 404",
    requests: ['FOO', 'get', 'Get', 'G-T', 'A'.repeat(100)].map(
      (method) => `method ${JSON.stringify(method)}`,
    ),
    status: 404,
    headers: { connection: 'close', 'content-length': '0' },
  },
  {
    why: 'Node ends the connection after CONNECT',
    requests: ['line: CONNECT of a path'],
    status: 404,
    headers: { connection: 'close' },
  },
  {
    why: "Node's parser rejects control characters in a target, and an authority without CONNECT",
    requests: ['/api/echo/\x01', '/api/echo/\x7f', 'localhost:80'].map(target),
    status: 400,
    headers: { connection: 'close', 'content-length': '0' },
  },
  {
    why: "Node's parser rejects what is no version with 400",
    requests: ['http/1.1', 'HTTP/11'].map((version) => `version ${JSON.stringify(version)}`),
    status: 400,
  },
  {
    why: 'to Node, a request line without a version is HTTP/0.9',
    requests: ['line: HTTP/0.9'],
    status: 505,
  },
  {
    why: 'Kestrel closes the connection without a response',
    requests: ['line: the preface of HTTP/2'],
    status: 400,
  },
  {
    why: "Node's parser accepts more than one space",
    requests: ['line: two spaces'],
    status: 200,
  },
  {
    why: "Node's parser unfolds folded headers",
    requests: ['headers: folded value'],
    status: 200,
    body: '["x-a","1 2"]',
  },
  {
    why: "Node's parser unfolds folded headers: here it makes a host of two lines",
    requests: ['headers: leading space'],
    status: 421,
  },
  {
    why: "Node's parser rejects the name; in Azure, the programming model does, with 500",
    requests: ['headers: parenthesis in a name'],
    status: 400,
  },
  {
    why: 'Kestrel takes HTTP2-Settings out of the Connection header',
    requests: ['headers: Upgrade: h2c'],
    status: 200,
    body: '["connection","Upgrade, HTTP2-Settings"]',
  },
  {
    why: "Node's parser rejects a length with a sign",
    requests: ['body: a length of +5'],
    status: 400,
  },
  {
    why: 'the dev host chunks the body itself: what the real host sends then, no client can read',
    requests: ['response "chunked"'],
    status: 200,
    headers: { 'transfer-encoding': 'chunked' },
    body: 'text',
  },
  {
    why: "the real host's cache of keys ignores their case, so a key in capitals opens a function after its first use",
    requests: ['variant: a key in capitals'],
    status: 401,
    headers: { 'content-length': '0' },
  },
  {
    why: "the body of a run must be strict JSON; Newtonsoft's reader accepts more",
    requests: ['/*c*/{}', "{'input':'a'}", "{input:'a'}", '{"input":"a",}', '{"input":NaN}', '{} {}'].map(
      (body) => `variant: run ${JSON.stringify(body)}`,
    ),
    status: 400,
  },
  {
    why: "there is no front end of App Service before the dev host, so its header does not replace the request's host",
    requests: ['variant: a host of the front end'],
    status: 200,
    body: '"url":"http://localhost/api/echo"',
  },
  {
    why: 'local servers serve local names alone, in their usual form',
    requests: ['variant: host "[0:0:0:0:0:0:0:1]"'],
    status: 421,
    headers: { connection: 'close', 'content-length': '0' },
  },
];
