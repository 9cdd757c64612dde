import { type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A response of something on the way to Hubfront and the hub, and what a phone must make of it. */
interface Scripted {
  name: string;
  respond: (response: ServerResponse) => void;
  register: string;
  send: string;
}

const reply = (status: number, body: string | Buffer = '', headers: Record<string, string> = {}) =>
  ((response) => response.writeHead(status, headers).end(body)) satisfies Scripted['respond'];
const HTML = '<!doctype html><title>Sign in</title>';
const hubError = (status: number, code: string, type = 'application/json; charset=utf-8') =>
  reply(status, JSON.stringify({ Message: `ErrorCode:${code};A reason.` }), { 'content-type': type });
const problem = (status: number, code: string, type = 'application/problem+json') =>
  reply(status, JSON.stringify({ type: 'about:blank', title: 'A reason', code }), { 'content-type': type });
const registered = JSON.stringify({ deviceInfo: {}, hostName: 'hub.example' });

const RETRY = { register: 'retry', send: 'retry' };

export const SCRIPT: readonly Scripted[] = [
  ...[200, 201, 202, 206, 304, 400, 403, 404, 407, 429, 500, 502, 503, 504, 511].map((status) => ({
    name: `an empty ${status}`,
    respond: reply(status),
    ...RETRY,
  })),
  ...[200, 201, 401, 403, 404, 502].map((status) => ({
    name: `${status} with HTML`,
    respond: reply(status, HTML, { 'content-type': 'text/html' }),
    ...RETRY,
  })),
  ...['{}', 'null', '[]', '"x"', '{"status":"ok"}', '{"hostName":7}', '{"hostName":""}', '\u0000\u0001'].map(
    (body) => ({ name: `200 with ${JSON.stringify(body)}`, respond: reply(200, body), ...RETRY }),
  ),
  { name: '204', respond: reply(204), register: 'retry', send: 'sent' },
  { name: "Hubfront's 201", respond: reply(201, registered), register: 'hub.example', send: 'retry' },
  { name: '201, cut in the name of the hub', respond: reply(201, registered.slice(0, -5)), ...RETRY },
  { name: 'bytes that are no UTF-8', respond: reply(200, Buffer.from([0xff, 0xfe, 0x80])), ...RETRY },
  { name: 'a redirect', respond: reply(302, HTML, { location: '/0/' }), ...RETRY },
  { name: 'a redirect that keeps the method', respond: reply(307, '', { location: '/0/' }), ...RETRY },
  { name: 'a wrong function key', respond: reply(401), register: 'rejected 401', send: 'retry' },
  ...[400, 404, 409, 413].map((status) => ({
    name: `${status} of Hubfront`,
    respond: problem(status, 'device_exists'),
    register: `rejected ${status} device_exists`,
    send: 'retry',
  })),
  ...[400, 401, 404, 413].map((status) => ({
    name: `${status} of the hub`,
    respond: hubError(status, 'IotHubUnauthorizedAccess'),
    register: 'retry',
    send: `rejected ${status} IotHubUnauthorizedAccess`,
  })),
  ...[
    'application/json',
    'text/html',
    'text/plain; profile=application/problem+json',
    'application/problem+json-seq',
    '',
  ].map((type) => ({
    name: `a gateway's code as "${type}"`,
    respond: problem(409, 'ip_blocked', type),
    ...RETRY,
  })),
  ...[400, 401, 404, 409, 413].map((status) => ({
    name: `a gateway's ${status} with a code`,
    respond: problem(status, 'request_blocked', 'application/json; charset=utf-8'),
    ...RETRY,
  })),
  ...['text/html', 'text/plain', 'application/problem+json', 'application/json-seq', 'application/json5'].map(
    (type) => ({
      name: `a gateway's page about the hub's error as ${type}`,
      respond: hubError(404, 'Blocked', type),
      ...RETRY,
    }),
  ),
  {
    name: 'problem details in another spelling',
    respond: problem(409, 'device_exists', 'Application/Problem+JSON ;charset=utf-8'),
    register: 'rejected 409 device_exists',
    send: 'retry',
  },
  { name: 'a used-up quota', respond: hubError(403, 'IotHubQuotaExceeded'), ...RETRY },
  { name: 'throttling', respond: hubError(429, 'ThrottlingException'), ...RETRY },
  { name: 'a failing hub', respond: hubError(500, 'ServerError'), ...RETRY },
  { name: 'a failing app', respond: problem(503, 'hub_unavailable'), ...RETRY },
  { name: 'no response', respond: (response) => response.destroy(), ...RETRY },
  {
    name: 'a connection lost in the body',
    respond: (response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"deviceInfo":');
      setTimeout(() => response.destroy(), 20);
    },
    ...RETRY,
  },
  { name: 'a long page', respond: reply(200, 'x'.repeat(5_000_000)), ...RETRY },
];

/** Serves each response of the script below a path with its number. */
export async function startScriptedServer(): Promise<{ url: string; close: () => Promise<unknown> }> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      SCRIPT[Number(request.url?.split('/')[1])]?.respond(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
