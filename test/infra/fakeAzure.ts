import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import type { Endpoints, HookContext } from '../../infra/hooks/context';
import { createRest } from '../../infra/hooks/rest';

/** State of the services, as the hooks see it over HTTP. */
export interface AzureState {
  workspaces: { id: string; name: string }[];
  users: { identifier: string; groupUserAccessRight: string; principalType?: string }[];
  datasets: { id: string; name: string; definition: any }[];
  reports: { displayName: string; definition: any }[];
  job: { jobState: string; lastOutputEventTime?: string; startModes: string[] } | undefined;
  functionKeys: Record<string, string>;
  secrets: Record<string, string>;
  /** the app has read the key of its keep-alive timer */
  keyIsKnown: boolean;
  snapshots: { path: string; text: string }[];
  /** the app takes snapshots when it is asked to */
  snapshotWorks: boolean;
  /** a job that is started fails */
  startFails: boolean;
  /** what Fabric says when it cannot publish a report */
  publishFails: string | undefined;
  /** reports that Fabric is asked to publish, until it has */
  publishing: { displayName: string; definition: any }[];
}

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
  /** the next such request is carried out, and its connection cut instead of an answer */
  loseAnswer: (request: string) => void;
  context: (options?: { whatIf?: boolean }) => HookContext;
  close: () => Promise<void>;
}

const PRINCIPAL = '33333333-3333-3333-3333-333333333333';
const RESOURCES = '/arm/subscriptions/sub/resourceGroups/rg-test/providers';
const APP = `${RESOURCES}/Microsoft.Web/sites/func-test`;
const JOB = `${RESOURCES}/Microsoft.StreamAnalytics/streamingjobs/asa-test`;
const SECRETS = `${RESOURCES}/Microsoft.KeyVault/vaults/kv-test/secrets`;
const MASTER_KEY = 'master-key-of-the-fake';

export async function startFakeAzure(): Promise<FakeAzure> {
  const state: AzureState = {
    workspaces: [],
    users: [],
    datasets: [],
    reports: [],
    job: { jobState: 'Created', startModes: [] },
    functionKeys: { default: 'default-key' },
    secrets: {},
    keyIsKnown: false,
    snapshots: [],
    snapshotWorks: true,
    startFails: false,
    publishFails: undefined,
    publishing: [],
  };
  const changes: string[] = [];
  const said: string[] = [];
  const refusals: { request: string; status: number; body: unknown; times: number }[] = [];

  const lost: string[] = [];

  type Handler = (
    found: RegExpExecArray,
    body: any,
    request: IncomingMessage,
  ) => [number, unknown?, Record<string, string>?];
  const routes: [RegExp, Handler][] = [
    [
      /^GET \/powerbi\/groups\?\$filter=(id|name) eq '(.*)'$/,
      ([, by, value = '']) => {
        const wanted = value.replaceAll("''", "'");
        return [200, { value: state.workspaces.filter((one) => one[by as 'id' | 'name'] === wanted) }];
      },
    ],
    [
      /^POST \/powerbi\/groups\?workspaceV2=True$/,
      (_found, { name }) => {
        const workspace = { id: `workspace-${state.workspaces.length + 1}`, name };
        state.workspaces.push(workspace);
        return [200, workspace];
      },
    ],
    [/^GET \/powerbi\/groups\/[\w-]+\/users$/, () => [200, { value: state.users }]],
    [
      /^(POST|PUT) \/powerbi\/groups\/[\w-]+\/users$/,
      ([, method], user) => {
        const others = state.users.filter((one) => one.identifier !== user.identifier);
        if (method === 'POST' && others.length < state.users.length)
          return [400, { error: { code: 'AddingAlreadyExistsGroupUserNotSupportedError' } }];
        state.users = [...others, user];
        return [200];
      },
    ],
    [/^GET \/powerbi\/groups\/[\w-]+\/datasets$/, () => [200, { value: state.datasets }]],
    [
      /^POST \/powerbi\/groups\/[\w-]+\/datasets\?defaultRetentionPolicy=basicFIFO$/,
      (_found, definition) => {
        const dataset = { id: `dataset-${state.datasets.length + 1}`, name: definition.name, definition };
        state.datasets.push(dataset);
        return [201, dataset];
      },
    ],
    // A report a page, as Fabric may list them.
    [
      /^GET \/fabric\/workspaces\/([\w-]+)\/reports(?:\?continuationToken=(\d+))?$/,
      ([, workspace = '', from = '0'], _body, request) => {
        const next = Number(from) + 1;
        const more = `http://${request.headers.host ?? ''}/fabric/workspaces/${workspace}/reports?continuationToken=${next}`;
        return [
          200,
          {
            value: state.reports.slice(Number(from), next),
            continuationUri: next < state.reports.length ? more : null,
          },
        ];
      },
    ],
    [
      /^POST \/fabric\/workspaces\/[\w-]+\/reports$/,
      (_found, report) => {
        state.publishing.push(report);
        return [202, undefined, { location: '/fabric/operations/publish' }];
      },
    ],
    [
      /^GET \/fabric\/operations\/publish$/,
      () => {
        const report = state.publishing.shift();
        if (state.publishFails) {
          return [
            200,
            { status: 'Failed', error: { errorCode: 'InvalidItem', message: state.publishFails } },
          ];
        }
        if (report === undefined) return [200, { status: 'Succeeded' }];
        state.reports.push(report);
        return [200, { status: 'Running' }, { 'retry-after': '0' }];
      },
    ],
    [new RegExp(`^GET ${JOB}\\?`), () => (state.job ? [200, { properties: advance(state) }] : [404])],
    [
      new RegExp(`^POST ${JOB}/start\\?`),
      (_found, { outputStartMode }) => {
        state.job?.startModes.push(outputStartMode);
        if (state.job) state.job.jobState = 'Starting';
        return [202];
      },
    ],
    [
      new RegExp(`^POST ${JOB}/stop\\?`),
      () => {
        if (state.job) state.job.jobState = 'Stopping';
        return [202];
      },
    ],
    [
      new RegExp(`^POST ${APP}/host/default/listKeys\\?`),
      () => [200, { masterKey: MASTER_KEY, functionKeys: state.functionKeys }],
    ],
    [
      new RegExp(`^PUT ${APP}/host/default/functionKeys/([\\w-]+)\\?`),
      ([, name = '']) => {
        state.functionKeys[name] = `generated-${name}`;
        return [201];
      },
    ],
    [
      new RegExp(`^POST ${APP}/config/configreferences/appsettings/refresh\\?`),
      () => {
        state.keyIsKnown = true;
        return [200];
      },
    ],
    [
      new RegExp(`^GET ${APP}/config/configreferences/appsettings/KEEP_ALIVE_FUNCTION_KEY\\?`),
      () => [200, { properties: { status: state.keyIsKnown ? 'Resolved' : 'SecretNotFound' } }],
    ],
    [
      new RegExp(`^GET ${SECRETS}/([\\w-]+)\\?`),
      ([, name = '']) => (state.secrets[name] === undefined ? [404] : [200, { properties: {} }]),
    ],
    [
      new RegExp(`^PUT ${SECRETS}/([\\w-]+)\\?`),
      ([, name = ''], { properties }) => {
        state.secrets[name] = properties.value;
        return [200];
      },
    ],
    [
      /^POST \/app\/admin\/functions\/snapshotProducts$/,
      (_found, _body, request) => {
        if (request.headers['x-functions-key'] !== MASTER_KEY) return [401];
        if (state.snapshotWorks)
          state.snapshots.push({ path: 'products/2026-11-24/10-00/products.json', text: '[{}]' });
        return [202];
      },
    ],
    [
      /^GET \/blob\/reference\?restype=container&comp=list&prefix=products\/&maxresults=1$/,
      () => [
        200,
        `<?xml version="1.0"?><EnumerationResults><Blobs>${state.snapshots
          .slice(0, 1)
          .map(({ path }) => `<Blob><Name>${path}</Name></Blob>`)
          .join('')}</Blobs></EnumerationResults>`,
      ],
    ],
    [
      /^PUT \/blob\/reference\/(.+)$/,
      ([, path = ''], body, request) => {
        if (request.headers['x-ms-blob-type'] !== 'BlockBlob') return [400];
        state.snapshots.push({ path, text: JSON.stringify(body) });
        return [201];
      },
    ],
  ];

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
    const changing = request.method !== 'GET' && !line.includes('/listKeys');
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
  };
  const endpoints = { arm: `${url}/arm`, powerBi: `${url}/powerbi`, fabric: `${url}/fabric` };
  return {
    state,
    endpoints,
    changes,
    said,
    environment,
    refuse: (request, status, body, times = Infinity) => refusals.push({ request, status, body, times }),
    loseAnswer: (request) => void lost.push(request),
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

/** A job takes one look for each change of its state. */
function advance(state: AzureState): object {
  const job = state.job;
  if (!job) return {};
  const seen = { jobState: job.jobState, lastOutputEventTime: job.lastOutputEventTime };
  if (job.jobState === 'Starting') job.jobState = state.startFails ? 'Failed' : 'Running';
  if (job.jobState === 'Stopping') job.jobState = 'Stopped';
  return seen;
}

function matches(line: string, request: string): boolean {
  const [method = '', part = ''] = request.split(' ');
  return line.startsWith(`${method} `) && line.includes(part);
}
