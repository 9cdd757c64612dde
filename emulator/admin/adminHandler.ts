import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../httpsServer/readBody';
import { HUB_HOST_NAME } from '../wellKnown';
import type { AdminApi, FaultInput } from './adminApi';
import { AdminError, parse } from './adminError';
import type { ExpireRequest, JumpRequest, SeedRequest, ThrottleRequest } from './requests';
import { resetRequest } from './requests';

const PREFIX = '/_emulator/';
const MAX_BODY_BYTES = 1024 * 1024;

/** A web page may make a browser resolve its own name to 127.0.0.1; then the Host header gives it away. */
const HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]', HUB_HOST_NAME]);

type Operation = (body: unknown, query: URLSearchParams) => unknown;

/** The admin API over HTTPS: `https://127.0.0.1:<port>/_emulator/…`, without SAS, JSON in and out. */
export function createAdminHandler(
  api: AdminApi,
): (request: IncomingMessage, response: ServerResponse) => void {
  const operations = operationsOf(api);
  return (request, response) => {
    answer(operations, api, request).then(
      (body) => writeJson(response, 200, body),
      (error: unknown) => {
        if (!(error instanceof AdminError)) {
          if (request.complete) writeJson(response, 500, { error: 'the emulator failed' });
          return;
        }
        const known = error.known === undefined ? {} : { known: error.known };
        writeJson(response, error.status, { error: error.message, ...known });
      },
    );
  };
}

/** The bodies are checked by the operations themselves, which callers in process reach too. */
function operationsOf(api: AdminApi): Record<string, Operation> {
  return {
    'GET state': () => api.state(),
    'GET messages': (_body, query) => api.messages(Object.fromEntries(query)),
    'GET faults': () => api.faults(),
    'POST faults': (body) => api.armFault(asFault(body)),
    'DELETE faults': () => api.clearFaults(),
    'POST telemetry': (body) => api.seed(body as SeedRequest),
    'POST retention/expire': (body) => api.expire(body as ExpireRequest),
    'POST offsets/jump': (body) => api.jumpOffset(body as JumpRequest),
    'POST throttle': (body) => api.setThrottle(body as ThrottleRequest),
    'POST hub/recreate': (body) => api.recreateHub(body as object),
    'POST reset': (body) => {
      parse(resetRequest, body);
      return api.reset();
    },
  };
}

async function answer(
  operations: Record<string, Operation>,
  api: AdminApi,
  request: IncomingMessage,
): Promise<unknown> {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  if (!HOSTS.has(host)) throw new AdminError(403, 'the Host header is not a name of the loopback interface');
  const url = new URL(request.url ?? '/', `https://${HUB_HOST_NAME}`);
  const path = url.pathname.slice(PREFIX.length);
  const method = request.method ?? '';
  const oneFault = /^faults\/(\d+)$/.exec(path);
  if (oneFault && method === 'DELETE') {
    const result = api.clearFaults(Number(oneFault[1]));
    if (result.cleared === 0) throw new AdminError(404, `there is no fault ${oneFault[1] ?? ''}`);
    return result;
  }
  const operation = Object.hasOwn(operations, `${method} ${path}`)
    ? operations[`${method} ${path}`]
    : undefined;
  if (!operation) {
    const known = Object.keys(operations);
    const isOtherMethod = known.some((name) => name.endsWith(` ${path}`));
    throw new AdminError(isOtherMethod ? 405 : 404, `there is no ${method} ${PREFIX}${path}`, known);
  }
  return operation(method === 'POST' ? await readJson(request) : undefined, url.searchParams);
}

/** JSON only: a web page cannot send that type to another origin without asking first. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw new AdminError(415, 'the content type must be application/json');
  }
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === 'too large') throw new AdminError(413, `the body exceeds ${MAX_BODY_BYTES} bytes`);
  try {
    return body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as unknown);
  } catch {
    throw new AdminError(400, 'the body is not valid JSON');
  }
}

function asFault(body: unknown): FaultInput {
  const kind = typeof body === 'object' && body !== null && 'kind' in body ? body.kind : undefined;
  return { ...(body as object), kind: typeof kind === 'string' ? kind : '' };
}

function writeJson(response: ServerResponse, status: number, body: unknown): void {
  const json = Buffer.from(JSON.stringify(body));
  response
    .writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': json.length })
    .end(json);
}
