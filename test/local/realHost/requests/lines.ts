import { type RawRequest, type RawRequests, named, prefixed, raw } from './rawRequest';

const VERSIONS = [
  'HTTP/1.0',
  'HTTP/1.1',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'HTTP/3',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/11',
  'HTTPS/1.1',
  'HTTP',
  '',
];

const HOSTS: readonly (string | null)[] = [
  null,
  '',
  'localhost:7071',
  '127.0.0.1',
  '[::1]',
  '[::1]:80',
  'local host',
  'localhost:',
  'localhost:a',
  'localhost:99999',
  'user@localhost',
  'localhost/x',
  'loc\xc3\xa9',
  '[::1',
  '::1',
  'a'.repeat(300),
  'localhost?x',
  'localhost#',
  'under_score',
  '-',
  '.',
];

const LINES: Record<string, RawRequest> = {
  'HTTP/0.9': { bytes: 'GET /api/echo\r\n\r\n' },
  'the preface of HTTP/2': { bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  'bare LF line ends': { bytes: 'GET /api/echo HTTP/1.1\nHost: localhost\n\n' },
  'two spaces': { bytes: 'GET  /api/echo HTTP/1.1\r\nHost: localhost\r\n\r\n' },
  'a tab': { bytes: 'GET\t/api/echo\tHTTP/1.1\r\nHost: localhost\r\n\r\n' },
  'a leading space': { bytes: ' GET /api/echo HTTP/1.1\r\nHost: localhost\r\n\r\n' },
  'a NUL': { bytes: 'GET /api/ec\0ho HTTP/1.1\r\nHost: localhost\r\n\r\n' },
  binary: { bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n' },
  'a space in the target': { bytes: 'GET /api/echo/a b HTTP/1.1\r\nHost: localhost\r\n\r\n' },
  CONNECT: raw('CONNECT localhost:80'),
  'CONNECT of a path': raw('CONNECT /api/echo'),
  'OPTIONS *': raw('OPTIONS *'),
  'GET *': raw('GET *'),
  'two Hosts': raw('GET /api/echo', { headers: ['Host: localhost'] }),
  'a request line of 8,192 bytes': raw(
    `GET /api/echo/${'a'.repeat(8_192 - 'GET /api/echo/ HTTP/1.1\r\n'.length)}`,
  ),
  'a request line of 8,193 bytes': raw(
    `GET /api/echo/${'a'.repeat(8_193 - 'GET /api/echo/ HTTP/1.1\r\n'.length)}`,
  ),
  'a request line of 8,194 bytes': raw(
    `GET /api/echo/${'a'.repeat(8_194 - 'GET /api/echo/ HTTP/1.1\r\n'.length)}`,
  ),
  'a request line of 8,195 bytes': raw(
    `GET /api/echo/${'a'.repeat(8_195 - 'GET /api/echo/ HTTP/1.1\r\n'.length)}`,
  ),
  'a query of 9,000 bytes': raw(`GET /api/echo?${'a'.repeat(9_000)}`),
  'a request line of 40,000 bytes': raw(`GET /api/echo/${'a'.repeat(40_000)}`),
  'a request line of 200,000 bytes': raw(`GET /api/echo/${'a'.repeat(200_000)}`),
  'HTTP/1.0 with keep-alive': raw('GET /api/echo', {
    version: 'HTTP/1.0',
    headers: ['Connection: keep-alive'],
  }),
};

export const REQUEST_LINES: RawRequests = {
  ...named('version', VERSIONS, (version) => raw('GET /api/echo', { version })),
  ...named('host', HOSTS, (host) => raw('GET /api/echo', { host })),
  ...named('host in HTTP/1.0', [null, 'localhost'], (host) =>
    raw('GET /api/echo', { host, version: 'HTTP/1.0' }),
  ),
  ...prefixed('line', LINES),
};
