import { type RawRequest, type RawRequests, prefixed, raw, withBody } from './rawRequest';

const REQUESTS: Record<string, RawRequest> = {
  'a body': withBody('POST /api/echo', 'hello'),
  'a body of UTF-8': withBody('POST /api/echo', 'caf\xc3\xa9'),
  'an empty body': withBody('POST /api/echo', ''),
  'no body and no length': raw('POST /api/echo'),
  'a body to GET': withBody('GET /api/echo', 'hello'),
  'a body to DELETE': withBody('DELETE /api/echo', 'hello'),
  'a body to an unknown path': withBody('POST /api/none', 'hello'),
  chunks: raw('POST /api/echo', { headers: ['Transfer-Encoding: chunked'], body: '5\r\nhello\r\n0\r\n\r\n' }),
  'chunks and a length': raw('POST /api/echo', {
    headers: ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    body: '5\r\nhello\r\n0\r\n\r\n',
  }),
  'chunks with a trailer': raw('POST /api/echo', {
    headers: ['Transfer-Encoding: chunked', 'Trailer: X-A'],
    body: '5\r\nhello\r\n0\r\nX-A: 1\r\n\r\n',
  }),
  'chunks with an extension': raw('POST /api/echo', {
    headers: ['Transfer-Encoding: chunked'],
    body: '5;a=b\r\nhello\r\n0\r\n\r\n',
  }),
  'a malformed chunk': raw('POST /api/echo', {
    headers: ['Transfer-Encoding: chunked'],
    body: 'z\r\nhello\r\n0\r\n\r\n',
  }),
  'gzip, chunked': raw('POST /api/echo', {
    headers: ['Transfer-Encoding: gzip, chunked'],
    body: '5\r\nhello\r\n0\r\n\r\n',
  }),
  'chunked, gzip': raw('POST /api/echo', {
    headers: ['Transfer-Encoding: chunked, gzip'],
    body: '5\r\nhello\r\n0\r\n\r\n',
  }),
  identity: raw('POST /api/echo', {
    headers: ['Transfer-Encoding: identity', 'Content-Length: 5'],
    body: 'hello',
  }),
  'Transfer-Encoding twice': raw('POST /api/echo', {
    headers: ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    body: '5\r\nhello\r\n0\r\n\r\n',
  }),
  CHUNKED: raw('POST /api/echo', {
    headers: ['Transfer-Encoding: CHUNKED'],
    body: '5\r\nhello\r\n0\r\n\r\n',
  }),
  'chunks in HTTP/1.0': raw('POST /api/echo', {
    version: 'HTTP/1.0',
    headers: ['Transfer-Encoding: chunked'],
    body: '5\r\nhello\r\n0\r\n\r\n',
  }),
  'a negative length': raw('POST /api/echo', { headers: ['Content-Length: -1'] }),
  'a length of +5': raw('POST /api/echo', { headers: ['Content-Length: +5'], body: 'hello' }),
  'a length of 5x': raw('POST /api/echo', { headers: ['Content-Length: 5x'], body: 'hello' }),
  'a length of 0x5': raw('POST /api/echo', { headers: ['Content-Length: 0x5'], body: 'hello' }),
  'an empty length': raw('POST /api/echo', { headers: ['Content-Length:'], body: 'hello' }),
  'two equal lengths': raw('POST /api/echo', {
    headers: ['Content-Length: 5', 'Content-Length: 5'],
    body: 'hello',
  }),
  'two lengths': raw('POST /api/echo', {
    headers: ['Content-Length: 5', 'Content-Length: 6'],
    body: 'hello!',
  }),
  'a length of 5, 5': raw('POST /api/echo', { headers: ['Content-Length: 5, 5'], body: 'hello' }),
  'a length beyond 64 bits': raw('POST /api/echo', {
    headers: ['Content-Length: 99999999999999999999'],
    body: 'hello',
  }),
  'a length over the limit': raw('POST /api/echo', { headers: ['Content-Length: 1000001'], body: 'hello' }),
  'a length over the limit to an unknown path': raw('POST /api/none', {
    headers: ['Content-Length: 1000001'],
    body: 'hello',
  }),
  'a length over the limit to a locked function': raw('GET /api/locked', {
    headers: ['Content-Length: 1000001'],
    body: 'hello',
  }),
  'Expect: 100-continue over the limit': raw('POST /api/echo', {
    headers: ['Content-Length: 1000001', 'Expect: 100-continue'],
  }),
  'a body that is cut off': raw('POST /api/echo', {
    headers: ['Content-Length: 10'],
    body: 'hello',
    end: true,
  }),
  'chunks that are cut off': raw('POST /api/echo', {
    headers: ['Transfer-Encoding: chunked'],
    body: '5\r\nhel',
    end: true,
  }),
  'a head that is cut off': { bytes: 'POST /api/echo HTTP/1.1\r\nHost: loc', end: true },
  'a request line that is cut off': { bytes: 'POST /api', end: true },
  'no byte': { bytes: '', end: true },
  'empty lines before the request': { bytes: '\r\n\r\nGET /api/echo HTTP/1.1\r\nHost: localhost\r\n\r\n' },
  'Expect: 100-continue': raw('POST /api/echo', {
    headers: ['Content-Length: 5', 'Expect: 100-continue'],
    body: 'hello',
  }),
};

export const BODIES: RawRequests = prefixed('body', REQUESTS);
