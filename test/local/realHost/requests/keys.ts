import { type RawRequest, type RawRequests, prefixed, raw, withBody } from './rawRequest';

/** The keys of both hosts. */
export const KEYS = {
  master: 'key-of-the-master',
  host: { all: 'key-of-the-host' },
  functions: { locked: { one: 'key-of-locked' }, off: { one: 'key-of-off' } },
};

const JSON_TYPE = 'Content-Type: application/json';
const MASTER = `x-functions-key: ${KEYS.master}`;
const admin = (name: string, body: string, headers: readonly string[] = [JSON_TYPE]): RawRequest =>
  withBody(`POST /admin/functions/${name}`, body, [MASTER, ...headers]);

const KEY_REQUESTS: Record<string, RawRequest> = {
  'no key': raw('GET /api/locked'),
  'the function key': raw('GET /api/locked', { headers: ['x-functions-key: key-of-locked'] }),
  'the host key': raw('GET /api/locked', { headers: ['x-functions-key: key-of-the-host'] }),
  'the master key': raw('GET /api/locked', { headers: [MASTER] }),
  'the key of another function': raw('GET /api/locked', { headers: ['x-functions-key: key-of-off'] }),
  'a wrong key': raw('GET /api/locked', { headers: ['x-functions-key: wrong'] }),
  'an empty key': raw('GET /api/locked', { headers: ['x-functions-key: '] }),
  code: raw('GET /api/locked?code=key-of-locked'),
  CODE: raw('GET /api/locked?CODE=key-of-locked'),
  'code twice': raw('GET /api/locked?code=wrong&code=key-of-locked'),
  'an empty code': raw('GET /api/locked?code='),
  'header before code': raw('GET /api/locked?code=key-of-locked', { headers: ['x-functions-key: wrong'] }),
  'an empty header before code': raw('GET /api/locked?code=key-of-locked', {
    headers: ['x-functions-key: '],
  }),
  'two key headers': raw('GET /api/locked', {
    headers: ['x-functions-key: wrong', 'x-functions-key: key-of-locked'],
  }),
  'a bearer token': raw('GET /api/locked', { headers: ['Authorization: Bearer x'] }),
  'a wrong key for an anonymous function': raw('GET /api/echo', { headers: ['x-functions-key: wrong'] }),
  'a wrong method for a locked function': raw('POST /api/locked'),
  'an admin function without a key': raw('GET /api/forAdmin'),
  'an admin function with the host key': raw('GET /api/forAdmin', {
    headers: ['x-functions-key: key-of-the-host'],
  }),
  'an admin function with the master key': raw('GET /api/forAdmin', { headers: [MASTER] }),
  'a disabled function with its key': raw('GET /api/off', { headers: ['x-functions-key: key-of-off'] }),
  'a disabled function with the master key': raw('GET /api/off', { headers: [MASTER] }),
  'CORS with a rejected key': raw('GET /api/locked', { headers: ['Origin: http://localhost:3000'] }),
};

const ADMIN_REQUESTS: Record<string, RawRequest> = {
  'a run': admin('onDemand', '{}'),
  'a run with input': admin('onDemand', '{"input":"x"}'),
  'a run of another case': admin('ONDEMAND', '{}'),
  'a run of an HTTP function': admin('echo', '{}'),
  'a run of a disabled function': admin('off', '{}'),
  'a run of no function': admin('none', '{}'),
  'a run with a JSON list': admin('onDemand', '[]'),
  'a run with a JSON string': admin('onDemand', '"x"'),
  'a run with null': admin('onDemand', 'null'),
  'a run with invalid JSON': admin('onDemand', '{'),
  'a run with an empty body': admin('onDemand', ''),
  'a run without a body': raw('POST /admin/functions/onDemand', { headers: [MASTER, JSON_TYPE] }),
  'a run with neither type nor body': raw('POST /admin/functions/onDemand', { headers: [MASTER] }),
  'a run without a type': admin('onDemand', '{}', []),
  'a run with a charset': admin('onDemand', '{}', ['Content-Type: application/json; charset=utf-8']),
  'a run with text/json': admin('onDemand', '{}', ['Content-Type: text/json']),
  'a run with application/x+json': admin('onDemand', '{}', ['Content-Type: application/x+json']),
  'a run with text/plain': admin('onDemand', '{}', ['Content-Type: text/plain']),
  'a run with a form': admin('onDemand', 'a=1', ['Content-Type: application/x-www-form-urlencoded']),
  'a run with chunks': raw('POST /admin/functions/onDemand', {
    headers: [MASTER, JSON_TYPE, 'Transfer-Encoding: chunked'],
    body: '2\r\n{}\r\n0\r\n\r\n',
  }),
  'a run without a key': withBody('POST /admin/functions/onDemand', '{}', [JSON_TYPE]),
  'a run without key and type': raw('POST /admin/functions/onDemand'),
  'a run with the host key': withBody('POST /admin/functions/onDemand', '{}', [
    JSON_TYPE,
    'x-functions-key: key-of-the-host',
  ]),
  'a run with code': withBody(`POST /admin/functions/onDemand?code=${KEYS.master}`, '{}', [JSON_TYPE]),
  'a run with CODE': withBody(`POST /admin/functions/onDemand?CODE=${KEYS.master}`, '{}', [JSON_TYPE]),
  'a run of an encoded name': admin('on%44emand', '{}'),
  'a run with a trailing slash': admin('onDemand/', '{}'),
  'a run with a wrong key': withBody('POST /admin/functions/onDemand', '{}', [
    JSON_TYPE,
    'x-functions-key: wrong',
  ]),
  'a run with a function key': withBody('POST /admin/functions/onDemand', '{}', [
    JSON_TYPE,
    'x-functions-key: key-of-locked',
  ]),
  'a run with a numeric input': admin('onDemand', '{"input":5,"x":[1]}'),
  'a run with an object as input': admin('onDemand', '{"input":{"a":1}}'),
  'a run with half a type': admin('onDemand', '{}', ['Content-Type: json']),
  'a run with a type and a semicolon': admin('onDemand', '{}', ['Content-Type: application/json;']),
  'a run over the body limit': raw('POST /admin/functions/onDemand', {
    headers: [MASTER, JSON_TYPE, 'Content-Length: 1000001'],
  }),
  'a run in capitals': withBody('POST /ADMIN/Functions/onDemand', '{}', [MASTER, JSON_TYPE]),
  'a longer path than a run': admin('onDemand/x', '{}'),
  'PATCH of a run': raw('PATCH /admin/functions/none', { headers: [MASTER] }),
  'POST to the functions': raw('POST /admin/functions'),
  'DELETE of the ping': raw('DELETE /admin/host/ping'),
  'host status with the host key': raw('GET /admin/host/status', {
    headers: ['x-functions-key: key-of-the-host'],
  }),
  'GET of a run': raw('GET /admin/functions/none', { headers: [MASTER] }),
  'PUT of a run without a key': withBody('PUT /admin/functions/none', '{}', [JSON_TYPE]),
  ping: raw('GET /admin/host/ping'),
  'ping by POST': raw('POST /admin/host/ping'),
  'host status without a key': raw('GET /admin/host/status'),
  'functions without a key': raw('GET /admin/functions'),
  'an unknown admin path with the key': raw('GET /admin/none', { headers: [MASTER] }),
};

export const KEYS_AND_ADMIN: RawRequests = {
  ...prefixed('keys', KEY_REQUESTS),
  ...prefixed('admin', ADMIN_REQUESTS),
};
