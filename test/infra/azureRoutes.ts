import type { IncomingMessage } from 'node:http';
import type { AzureState } from './azureState';

export const RESOURCES = '/arm/subscriptions/sub/resourceGroups/rg-test/providers';
const APP = `${RESOURCES}/Microsoft.Web/sites/func-test`;
const JOB = `${RESOURCES}/Microsoft.StreamAnalytics/streamingjobs/asa-test`;
const VAULT = `${RESOURCES}/Microsoft.KeyVault/vaults/kv-test`;
const SECRETS = `${VAULT}/secrets`;
const MASTER_KEY = 'master-key-of-the-fake';

/** @returns status, body and headers */
export type Handler = (
  found: RegExpExecArray,
  body: any,
  request: IncomingMessage,
) => [number, unknown?, Record<string, string>?];

/** Requests as `METHOD path?query`, and what each does to the state. */
export function azureRoutes(state: AzureState): [RegExp, Handler][] {
  return [
    [
      /^GET \/arm\/subscriptions\/sub\/providers\/([\w.]+)\?api-version/,
      ([, name = '']) => {
        const provider = state.providers[name];
        if (!provider) return [404];
        const { state: registrationState, regions } = provider;
        // Registering takes one look.
        if (registrationState === 'Registering') provider.state = 'Registered';
        const resourceTypes = Object.entries(regions).map(([resourceType, locations]) => ({
          resourceType,
          locations,
        }));
        return [200, { registrationState, resourceTypes }];
      },
    ],
    [
      /^POST \/arm\/subscriptions\/sub\/providers\/([\w.]+)\/register\?/,
      ([, name = '']) => {
        const provider = state.providers[name];
        if (provider) provider.state = 'Registering';
        return [200];
      },
    ],
    [
      /^GET \/arm\/subscriptions\/sub\/providers\/Microsoft\.Web\/geoRegions\?sku=FlexConsumption/,
      () => [200, { value: state.flexRegions.map((name) => ({ name })) }],
    ],
    [
      /^GET \/arm\/subscriptions\/sub\/providers\/Microsoft\.KeyVault\/deletedVaults\?/,
      () => [
        200,
        {
          value: state.deletedVaults.map(({ name, location, environment }) => ({
            name,
            properties: { location, tags: { 'azd-env-name': environment } },
          })),
        },
      ],
    ],
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
        // As in the sample of Microsoft's reference of groups/create-group.
        return [200, { value: [workspace] }];
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
      () => [200, { masterKey: MASTER_KEY, functionKeys: state.hostKeys }],
    ],
    [
      new RegExp(`^PUT ${APP}/host/default/functionKeys/([\\w-]+)\\?`),
      ([, name = ''], { properties }) => {
        state.hostKeys[name] = properties.value ?? `generated-${name}`;
        return [201];
      },
    ],
    [
      new RegExp(`^DELETE ${APP}/host/default/functionKeys/([\\w-]+)\\?`),
      ([, name = '']) => {
        if (state.hostKeys[name] === undefined) return [404];
        state.hostKeys = Object.fromEntries(Object.entries(state.hostKeys).filter(([key]) => key !== name));
        return [204];
      },
    ],
    [
      new RegExp(`^POST ${APP}/functions/(\\w+)/listkeys\\?`),
      ([, name = '']) => {
        const keys = state.functionKeys[name];
        return keys === undefined ? [404] : [200, keys];
      },
    ],
    [
      new RegExp(`^PUT ${APP}/functions/(\\w+)/keys/([\\w-]+)\\?`),
      ([, name = '', key = ''], { properties }) => {
        const keys = state.functionKeys[name];
        if (keys === undefined) return [404];
        keys[key] = properties.value ?? `generated-${key}`;
        return [201, { properties: { name: key, value: keys[key] } }];
      },
    ],
    [
      new RegExp(`^POST ${APP}/config/configreferences/appsettings/refresh\\?`),
      () => {
        for (const reference of Object.values(state.references)) {
          if (state.secrets[reference.secret] !== undefined) reference.status = 'Resolved';
        }
        return [200];
      },
    ],
    [
      new RegExp(`^GET ${APP}/config/configreferences/appsettings\\?`),
      () => [
        200,
        {
          value: Object.entries(state.references).map(([name, { secret, status }]) => ({
            name,
            properties: { status, vaultName: 'kv-test', secretName: secret },
          })),
          nextLink: null,
        },
      ],
    ],
    [
      new RegExp(`^GET ${VAULT}\\?`),
      () => (state.deletedVaults.some(({ name }) => name === 'kv-test') ? [404] : [200, {}]),
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
          for (const table of ['skus', 'products'])
            state.snapshots.push({ path: `products/2026-11-24/10-00/${table}.json`, text: '[{}]' });
        return [202];
      },
    ],
    [
      /^GET \/blob\/reference\?restype=container&comp=list&prefix=products\/(?:&marker=(\d+))?$/,
      ([, marker = '0']) => {
        const [first, ...more] = state.snapshots.slice(Number(marker)); // one blob a page
        const name = first ? `<Blob><Name>${first.path}</Name></Blob>` : '';
        const next = more.length > 0 ? `<NextMarker>${Number(marker) + 1}</NextMarker>` : '<NextMarker />';
        return [
          200,
          `<?xml version="1.0"?><EnumerationResults><Blobs>${name}</Blobs>${next}</EnumerationResults>`,
        ];
      },
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
