import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import type { Endpoints, HookContext } from '../../infra/hooks/context';
import { runHook } from '../../infra/hooks';
import { createRest } from '../../infra/hooks/rest';
import { RESOURCES, azureRoutes } from './azureRoutes';
import { type AzureState, KEY_FUNCTIONS, initialState } from './azureState';

/** A few endpoints of Azure Resource Manager, Power BI, Fabric, Blob storage and the Functions host, for the hooks. */
export interface FakeAzure {
  state: AzureState;
  /** requests that change something, in their order, as `METHOD path` */
  changes: string[];
  /** what the hooks said */
  said: string[];
  endpoints: Endpoints;
  /** azd's environment */
  environment: Record<string, string>;
  /** answers given instead of what would be, in their order; a request matches by method and part of its path */
  refuse: (request: string, status: number, body?: unknown, times?: number) => void;
  /** the functions that a request with this key may call */
  opens: (key: string | undefined) => string[];
  /** the next such request is carried out, and its connection cut instead of an answer */
  loseAnswer: (request: string) => void;
  /** the job writes its first rows, and so creates its datasets */
  firstRows: () => void;
  context: (options?: { whatIf?: boolean }) => HookContext;
  close: () => Promise<void>;
}

const PRINCIPAL = '33333333-3333-3333-3333-333333333333';

export async function startFakeAzure(): Promise<FakeAzure> {
  const state = initialState();
  const changes: string[] = [];
  const said: string[] = [];
  const refusals: { request: string; status: number; body: unknown; times: number }[] = [];

  const lost: string[] = [];

  const routes = azureRoutes(state);
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const line = `${request.method ?? ''} ${decodeURIComponent(request.url ?? '')}`;
    const refusal = refusals.find((one) => one.times > 0 && matches(line, one.request));
    if (refusal) refusal.times--;
    const handled = routes
      .map(([route, handler]) => ({ found: route.exec(line), handler }))
      .find(({ found }) => found !== null);
    const needsToken = !line.includes(' /app/');
    const [status, body, headers]: [number, unknown?, Record<string, string>?] = refusal
      ? [refusal.status, refusal.body]
      : needsToken && request.headers.authorization !== 'Bearer test-token'
        ? [401]
        : handled?.found
          ? handled.handler(handled.found, text === '' ? undefined : JSON.parse(text), request)
          : [501, { error: { message: `the fake has no ${line}` } }];
    const changing = request.method !== 'GET' && !/\/listkeys/i.test(line);
    if (changing && status < 300) changes.push(line.replace(/\?.*/, '').replace(RESOURCES, ''));
    const losing = lost.findIndex((one) => matches(line, one));
    if (losing >= 0) {
      lost.splice(losing, 1);
      request.socket.destroy();
      return;
    }
    response.writeHead(status, {
      'content-type': typeof body === 'string' ? 'application/xml' : 'application/json',
      ...headers,
    });
    response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const environment: Record<string, string> = {
    AZURE_SUBSCRIPTION_ID: 'sub',
    AZURE_ENV_NAME: 'test',
    AZURE_LOCATION: 'westeurope',
  };
  const endpoints = { arm: `${url}/arm`, powerBi: `${url}/powerbi`, fabric: `${url}/fabric` };
  return {
    state,
    endpoints,
    changes,
    said,
    environment,
    refuse: (request, status, body, times = Infinity) => refusals.push({ request, status, body, times }),
    opens: (key) =>
      key !== undefined && Object.values(state.hostKeys).includes(key)
        ? KEY_FUNCTIONS
        : KEY_FUNCTIONS.filter((name) => Object.values(state.functionKeys[name] ?? {}).includes(key ?? '')),
    loseAnswer: (request) => void lost.push(request),
    firstRows: () => {
      state.datasets = ['product-events', 'events-per-minute', 'sensor-readings'].map((name, i) => ({
        id: `dataset-${i + 1}`,
        name,
      }));
    },
    context: ({ whatIf = false } = {}) => {
      const log = (line: string): void => void said.push(line);
      return {
        environment,
        endpoints,
        rest: createRest({
          token: (address) => Promise.resolve(address.startsWith(`${url}/app/`) ? '' : 'test-token'),
          whatIf,
          log,
          retryMs: 1,
        }),
        log,
        whatIf,
        pollMs: 1,
        remember: (name, value) => (environment[name] = value),
      };
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** What azd knows once the deployment is made. */
export function provisioned(url: FakeAzure): void {
  const { endpoints } = url;
  Object.assign(url.environment, {
    AZURE_RESOURCE_GROUP: 'rg-test',
    SERVICE_API_NAME: 'func-test',
    API_URL: endpoints.arm.replace(/arm$/, 'app'),
    KEY_VAULT_NAME: 'kv-test',
    STREAM_ANALYTICS_JOB_NAME: 'asa-test',
    STREAM_ANALYTICS_PRINCIPAL_ID: PRINCIPAL,
    ANALYTICS_OUTPUT: url.environment.ANALYTICS_OUTPUT ?? 'powerBi',
    PRODUCTS_BLOB_ENDPOINT: `${endpoints.arm.replace(/arm$/, 'blob')}/`,
    PRODUCTS_CONTAINER: 'reference',
    PRODUCTS_FROM_DATABASE: 'true',
    KEEP_ALIVE_ENABLED: 'true',
  });
}

/** All changes of a first `azd up`, in their order. */
export const FIRST_RUN = [
  'POST /powerbi/groups',
  'PUT /Microsoft.KeyVault/vaults/kv-test/secrets/visitor-key',
  'POST /powerbi/groups/workspace-1/users',
  'PUT /Microsoft.Web/sites/func-test/functions/registerDevice/keys/web',
  'PUT /Microsoft.Web/sites/func-test/functions/messageFeed/keys/worker',
  'PUT /Microsoft.Web/sites/func-test/host/default/functionKeys/keep-alive',
  'PUT /Microsoft.KeyVault/vaults/kv-test/secrets/keep-alive-function-key',
  'POST /Microsoft.Web/sites/func-test/config/configreferences/appsettings/refresh',
  'POST /app/admin/functions/snapshotProducts',
  'POST /Microsoft.StreamAnalytics/streamingjobs/asa-test/start',
];

/** As `azd up` does, with the deployment between the hooks. */
export async function up(azure: FakeAzure, options?: { whatIf?: boolean }): Promise<void> {
  await runHook('preprovision', azure.context(options));
  provisioned(azure);
  await runHook('postprovision', azure.context(options));
  await runHook('postdeploy', azure.context(options));
}

function matches(line: string, request: string): boolean {
  const [method = '', part = ''] = request.split(' ');
  return line.startsWith(`${method} `) && line.includes(part);
}
