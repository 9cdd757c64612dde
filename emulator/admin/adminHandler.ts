/** Serves the admin API over HTTPS. */

import type { IncomingHttpHeaders, IncomingMessage, RequestListener } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { PAGE_FILES, pageResponse } from '../adminPage';
import { IOT_HUB_RESOURCE, issueAccessToken } from '../entraId';
import { isCrossOrigin } from '../httpsServer/allowedHosts';
import { readBody } from '../httpsServer/readBody';
import { HUB_HOST_NAME, IDENTITY_HEADER } from '../wellKnown';
import { faultSchemas } from './observe';
import type { AdminApi, FaultInput } from './adminApi';
import { AdminError, parse } from './adminError';
import type { ExpireRequest, JumpRequest, SeedRequest, ThrottleRequest } from './requests';
import { resetRequest } from './requests';

const PREFIX = '/_emulator';
const MAX_BODY_BYTES = 1024 * 1024;

interface Environment {
  Bindings: HttpBindings;
}
interface AdminRequest {
  readonly body: unknown;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** The id of a fault or a device, from the path. */
  readonly id: string | undefined;
}
type Operation = (request: AdminRequest) => unknown;

/**
 * The admin API over HTTPS: `https://127.0.0.1:<port>/_emulator/…`, without SAS tokens. Requests and responses are
 * JSON.
 */
export function createAdminHandler(api: AdminApi): RequestListener {
  const app = new Hono<Environment>({ strict: false }).basePath(PREFIX);
  const operations = operationsOf(api);
  app.use(async ({ env: { incoming } }, next) => {
    if (isCrossOrigin(incoming.headers, 'https'))
      throw new AdminError(403, 'pages of other origins may not call the admin API');
    await next();
  });
  for (const [name, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = name.split(' ');
    app.on(method, `/${path}`, async (context) => {
      const { incoming } = context.env;
      const body = method === 'POST' ? await readJson(incoming) : undefined;
      const { headers } = incoming;
      return json(200, operation({ body, query: context.req.query(), headers, id: context.req.param('id') }));
    });
  }
  // The page's files are relative to its folder.
  app.get('/', ({ env: { incoming }, redirect }) =>
    incoming.url?.startsWith(`${PREFIX}/`) ? pageResponse('index.html') : redirect(`${PREFIX}/`, 308),
  );
  for (const file of PAGE_FILES) app.get(`/${file}`, () => pageResponse(file));
  app.notFound((context) => unknownOperation(context, Object.keys(operations)));
  app.onError((error) => {
    if (!(error instanceof AdminError)) return json(500, { error: 'the emulator failed' });
    const known = error.known === undefined ? {} : { known: error.known };
    return json(error.status, { error: error.message, ...known });
  });
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    hostname: HUB_HOST_NAME,
    overrideGlobalObjects: false, // the emulator also runs inside other people's tests
    errorHandler: () => json(400, { error: 'the path does not belong to the admin API' }),
  });
  return (request, response) => void listener(request, response);
}

/** The operations validate the bodies themselves, because callers in the same process use them too. */
function operationsOf(api: AdminApi): Record<string, Operation> {
  return {
    'GET state': () => api.state(),
    'GET messages': ({ query }) => api.messages(query),
    'GET messages/latest': ({ query }) => api.latestMessages(query),
    'GET devices': ({ query }) => api.devices(query),
    'GET devices/:id/twin': ({ id = '' }) => api.twin(id),
    'GET faults/schema': faultSchemas,
    'GET identity/token': ({ query, headers }) => identityToken(query, headers),
    'GET faults': () => api.faults(),
    'POST faults': ({ body }) => api.armFault(asFault(body)),
    'DELETE faults': () => api.clearFaults(),
    'DELETE faults/:id': ({ id = '' }) => {
      const result = /^\d+$/.test(id) ? api.clearFaults(Number(id)) : { cleared: 0 };
      if (result.cleared === 0) throw new AdminError(404, `there is no fault ${id}`);
      return result;
    },
    'POST telemetry': ({ body }) => api.seed(body as SeedRequest),
    'POST retention/expire': ({ body }) => api.expire(body as ExpireRequest),
    'POST offsets/jump': ({ body }) => api.jumpOffset(body as JumpRequest),
    'POST throttle': ({ body }) => api.setThrottle(body as ThrottleRequest),
    'POST hub/recreate': ({ body }) => api.recreateHub(body as object),
    'POST reset': ({ body }) => {
      parse(resetRequest, body);
      return api.reset();
    },
  };
}

function unknownOperation({ req: { method, path } }: Context, known: readonly string[]): never {
  const isOtherMethod = known.some((name) => `${PREFIX}/${name.split(' ')[1] ?? ''}` === path);
  throw new AdminError(isOtherMethod ? 405 : 404, `there is no ${method} ${path}`, known);
}

/**
 * App Service's endpoint for managed identities, api-version 2019-08-01 (overview-managed-identity, "REST endpoint
 * reference"). In Azure, `IDENTITY_ENDPOINT` contains its URL.
 */
function identityToken(query: Readonly<Record<string, string>>, headers: IncomingHttpHeaders): unknown {
  if (headers['x-identity-header'] !== IDENTITY_HEADER) {
    throw new AdminError(401, 'X-IDENTITY-HEADER is missing or wrong');
  }
  if (query.resource !== IOT_HUB_RESOURCE) {
    throw new AdminError(400, 'tokens are available only for this resource', [IOT_HUB_RESOURCE]);
  }
  const { token, expiresOn } = issueAccessToken(Date.now() / 1_000);
  return {
    access_token: token,
    expires_on: String(expiresOn),
    resource: IOT_HUB_RESOURCE,
    token_type: 'Bearer',
  };
}

/**
 * The body, which is `{}` if it is empty. JSON only: a web page cannot send this content type to another origin without
 * a preflight.
 */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body.length === 0) return {};
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw new AdminError(415, 'the content type of a body must be application/json');
  }
  if (body === 'too large') throw new AdminError(413, `the body exceeds ${MAX_BODY_BYTES} bytes`);
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    throw new AdminError(400, 'the body is not valid JSON');
  }
}

function asFault(body: unknown): FaultInput {
  const kind = typeof body === 'object' && body !== null && 'kind' in body ? body.kind : undefined;
  return { ...(body as object), kind: typeof kind === 'string' ? kind : '' };
}

const json = (status: number, body: unknown): Response => Response.json(body, { status });
