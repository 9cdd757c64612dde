/** Variants of the other requests: repeated and oddly written keys, JSON of runs, encodings, and host names. */

import { KEYS } from './keys';
import { type RawRequest, type RawRequests, named, prefixed, raw, withBody } from './rawRequest';

const MASTER = `x-functions-key: ${KEYS.master}`;
const LOCKED = 'x-functions-key: key-of-locked';
const header = (...headers: string[]): RawRequest => raw('GET /api/locked', { headers });
const run = (body: string, type = 'application/json'): RawRequest =>
  withBody('POST /admin/functions/onDemand', body, [MASTER, `Content-Type: ${type}`]);
const utf16 = (text: string): string => Buffer.from(text, 'utf16le').toString('latin1');
const nested = (depth: number): string => `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;

const KEY_QUERIES = [
  'code=key-of-locked&code=wrong',
  'code=key-of-locked&code=key-of-locked',
  'cOdE=key-of-locked&code=wrong',
  'cOdE=wrong&code=key-of-locked',
  'c%6Fde=key%2Dof%2Dlocked',
  'a=1;code=key-of-locked',
  'code=key-of-locked+',
  'code=key-of-locked%00',
];
const RUNS = [
  '[]',
  'null',
  '"a"',
  '1',
  ' \n ',
  '\xef\xbb\xbf{}',
  '{"INPUT":"a"}',
  '{"input":[1]}',
  '{"input":null}',
  '{"input":true}',
  nested(31),
  nested(32),
  '/*c*/{}',
  "{'input':'a'}",
  "{input:'a'}",
  '{"input":"a",}',
  '{"input":NaN}',
  '{} {}',
];
const CHARSETS = ['"utf-8"', 'utf8', 'utf-16', 'utf-16be', 'us-ascii', 'iso-8859-1', 'utf-32', 'none'];
const TARGETS = [
  '/api/items/007',
  '/api/items/+1',
  '/api/items/%201',
  '/api/items/2147483648',
  '/api/items/%E2%82%AC',
  '/api/rest/a%2F..%2Fb/../c',
  '/api/rest/a/%2e/b/%2E%2E/c',
  '/api/rest/a/..',
  '/api/rest/a%5Cb',
  '/api/rest/a:b@c',
  '/api/echo/%F0%9F%98%80',
  '/api/echo/%C0%AF',
  '/api/echo/%ED%A0%80',
  '/api/echo/%2541',
  '/api/echo/%7F',
  '/api/echo?a=%C0%AF&b=%ED%A0%80&c=%F4%90%80%80',
  '/api/echo?a%3D1=2&b%26=3',
  '/api/echo?a+=1&%2B=2',
  '/api/echo?x=1&X=2&y=3&Y=4',
  '/api/echo?x=&x=1&y=1&y=&z=&z=&a=1&A=&a=2&b&b=1&b',
  'http://LOCALHOST/api/echo',
  'http://LocalHost:80/api/echo',
  'https://localhost:443/api/echo',
];
const HOSTS = ['LOCALHOST:7', 'localhost:0', 'localhost:00080', '[::1]', '[0:0:0:0:0:0:0:1]'];
const SCHEMES = [
  'HTTPS',
  'https, http',
  'https,http',
  'ftp',
  'a.b+c-d',
  'https:',
  'https://evil.example/?',
  'http:[',
  'c',
  'file',
  'a b',
  '1a',
  ':',
  '//evil.example/',
  '%41',
  'https;',
  '\xc3\xbc',
];
const LENGTHS = ['05', '000', '5 ', '0x5', ''];

export const VARIANTS: RawRequests = {
  ...prefixed('variant', {
    'a repeated key': header(LOCKED, LOCKED),
    'a key before a wrong one': header(LOCKED, 'x-functions-key: wrong'),
    'a key between spaces': header('x-functions-key:    key-of-locked   '),
    'a key in a cookie': header('Cookie: x-functions-key=key-of-locked'),
    'a key in capitals': header('x-functions-key: KEY-OF-LOCKED'),
    'HEAD of a locked function': raw('HEAD /api/locked', { headers: [LOCKED] }),
    'a run in UTF-16': run(utf16('{}'), 'application/json; charset=utf-16'),
    'a run with an encoded slash': withBody('POST /admin/functions/on%2FDemand', '{}', [MASTER]),
    'two cookies': raw('GET /api/echo', { headers: ['Cookie: a=1; b=2', 'Cookie: c=3'] }),
    'empty values of repeated headers': raw('GET /api/echo', {
      headers: ['X-A: ', 'X-A: 1', 'X-A: ', 'X-A: 2', 'X-B: 1', 'X-B: ', 'X-C: ', 'X-C: '],
    }),
    'two types': withBody('POST /api/echo', '{}', ['Content-Type: application/json', 'Content-Type: a/b']),
    'a host of the front end': raw('GET /api/echo', { headers: ['DISGUISED-HOST: evil.example'] }),
    'a body of GET': withBody('GET /api/echo', 'hello', ['Content-Type: text/plain']),
    'a body of DELETE': withBody('DELETE /api/echo', 'hello', ['Content-Type: text/plain']),
    'a body of OPTIONS': withBody('OPTIONS /api/echo', 'hello', ['Content-Type: text/plain']),
    'a chunk with an extension': raw('POST /api/echo', {
      headers: ['Transfer-Encoding: chunked'],
      body: '5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
    }),
    'gzip, chunked': raw('POST /api/echo', {
      headers: ['Transfer-Encoding: gzip, chunked'],
      body: '5\r\nhello\r\n0\r\n\r\n',
    }),
    'a range': raw('GET /api/responses/large', { headers: ['Range: bytes=0-1'] }),
    'Connection: keep-alive in HTTP/1.0': raw('GET /api/responses/text', {
      version: 'HTTP/1.0',
      headers: ['Connection: keep-alive'],
    }),
  }),
  ...named('variant: key', KEY_QUERIES, (query) => raw(`GET /api/locked?${query}`)),
  ...named('variant: run', RUNS, (body) => run(body)),
  ...named('variant: run with charset', CHARSETS, (charset) =>
    run('{}', `application/json; charset=${charset}`),
  ),
  ...named('variant: target', TARGETS, (target) => raw(`GET ${target}`)),
  ...named('variant: host', HOSTS, (host) => raw('GET /api/echo', { host })),
  ...named('variant: scheme', SCHEMES, (scheme) =>
    raw('GET /api/echo', { headers: [`X-Forwarded-Proto: ${scheme}`] }),
  ),
  ...prefixed('variant', {
    'two schemes': raw('GET /api/echo', { headers: ['X-Forwarded-Proto: http', 'X-Forwarded-Proto: https'] }),
    'an empty scheme before another': raw('GET /api/echo', {
      headers: ['X-Forwarded-Proto: ', 'X-Forwarded-Proto: https'],
    }),
    'a scheme of files with a port': raw('GET /api/echo', {
      host: 'localhost:7',
      headers: ['X-Forwarded-Proto: file'],
    }),
    'combined forwarded headers': raw('GET /api/echo', {
      headers: [
        'X-Forwarded-For: 1.2.3.4, 5.6.7.8',
        'X-Forwarded-Host: a.example, b.example',
        'X-Forwarded-Proto: https, http',
      ],
    }),
    'no key with two schemes in a value': raw('GET /api/locked', {
      headers: ['X-Forwarded-Proto: https, http'],
    }),
    'no route with two schemes in a value': raw('GET /api/nothing', {
      headers: ['X-Forwarded-Proto: https, http'],
    }),
    'a body with two schemes in a value': withBody('POST /api/echo', 'hello', [
      'X-Forwarded-Proto: https, http',
    ]),
  }),
  ...named('variant: length', LENGTHS, (length) =>
    raw('POST /api/echo', { headers: [`Content-Length: ${length}`], body: length === '000' ? '' : 'hello' }),
  ),
};
