import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as checks from './checks';
import { readQuery } from './query';
import { type Deployment, type Mutation, WHY_SKIPPED, bicep, evaluate } from './snapshot';

const ORIGINAL_COLUMNS = [
  'sku_id',
  'event',
  'event_value',
  'size_name',
  'color_name',
  'user_id',
  'price',
  'product_state',
  'product_code',
  'can_purchase',
];

const SETS = [
  { name: 'default', roles: ['app: IoT Hub Registry Contributor on Devices/IotHubs/iot-*'] },
  {
    name: 'large',
    roles: [
      'job: Azure Event Hubs Data Sender on EventHub/namespaces/evhns-*',
      // who deploys
      '22222222-2222-2222-2222-222222222222: Storage Blob Data Contributor on Storage/storageAccounts/stproducts*/blobServices/default/containers/reference',
    ],
  },
  { name: 'private', roles: ['app: IoT Hub Registry Contributor on Devices/IotHubs/iot-*'] },
];

const unchanged = new Map<string, Deployment>();

function evaluated(name: string): Deployment {
  const deployment = unchanged.get(name) ?? evaluate(name);
  unchanged.set(name, deployment);
  return deployment;
}

describe.skipIf(!bicep)(`the evaluated deployment${WHY_SKIPPED}`, () => {
  describe.each(SETS)('$name', ({ name, roles }) => {
    const deployment = (): Deployment => evaluated(name);

    it('makes a consumer group for each reader, and each reader has its own', () =>
      checks.checkConsumerGroups(deployment()));
    it('sets what the app requires and nothing that it does not know', () =>
      checks.checkSettings(deployment()));
    it('has no secret in plain text', () => checks.checkSecrets(deployment()));
    it('gives each identity the roles that it needs', () => checks.checkRoles(deployment(), roles));
    it('has one list of origins for the platform and the app', () => checks.checkCors(deployment()));
    it('deploys the query as it stands in its file', () => checks.checkQuery(deployment()));

    it('lets nobody in without TLS 1.2, or to storage with a key', () => {
      const { the, of } = deployment();
      expect(the('Microsoft.Devices/IotHubs').properties.minTlsVersion).toBe('1.2');
      expect(the('Microsoft.Web/sites').properties).toMatchObject({
        httpsOnly: true,
        siteConfig: { minTlsVersion: '1.2', scmMinTlsVersion: '1.2' },
      });
      for (const { properties } of of('Microsoft.Storage/storageAccounts')) {
        expect(properties).toMatchObject({
          allowSharedKeyAccess: false,
          allowBlobPublicAccess: false,
          supportsHttpsTrafficOnly: true,
          minimumTlsVersion: 'TLS1_2',
        });
      }
      for (const { properties } of of('Microsoft.Web/sites/basicPublishingCredentialsPolicies')) {
        expect(properties.allow).toBe(false);
      }
    });

    it('sends every message to the built-in endpoint', () => {
      expect(deployment().the('Microsoft.Devices/IotHubs').properties.routing.fallbackRoute).toMatchObject({
        endpointNames: ['events'],
        isEnabled: true,
        condition: 'true',
      });
    });

    it('runs Node 24 on Flex Consumption, without the settings that it refuses', () => {
      const { the } = deployment();
      expect(the('Microsoft.Web/serverfarms').sku).toEqual({ name: 'FC1', tier: 'FlexConsumption' });
      expect(the('Microsoft.Web/sites').properties.functionAppConfig.runtime).toEqual({
        name: 'node',
        version: '24',
      });
      const refused = ['FUNCTIONS_WORKER_RUNTIME', 'FUNCTIONS_EXTENSION_VERSION', 'WEBSITE_RUN_FROM_PACKAGE'];
      for (const setting of refused) expect(checks.settingsOf(deployment())).not.toHaveProperty(setting);
    });

    it('keeps HTTP warm by instances or by the timer, not by both', () => {
      const { alwaysReady } =
        deployment().the('Microsoft.Web/sites').properties.functionAppConfig.scaleAndConcurrency;
      const settings = checks.settingsOf(deployment());
      expect(settings['AzureWebJobs.keepAlive.Disabled']).toBe(String(alwaysReady.length > 0));
      expect(settings.KEEP_ALIVE_FUNCTION_KEY === '').toBe(alwaysReady.length > 0);
    });

    it('watches failures, throttling, quota, the feed and the job', () => {
      const { of } = deployment();
      const alerts = [
        ...of('Microsoft.Insights/metricAlerts'),
        ...of('Microsoft.Insights/scheduledQueryRules'),
      ];
      expect(alerts.map((alert) => alert.name).toSorted()).toEqual([
        'feed-lag',
        'function-failures',
        'hub-quota',
        'hub-throttling',
        'job-errors',
        'job-watermark-delay',
      ]);
    });
  });

  it('warns at 80 % of the quota of all units together', () => {
    const quota = evaluated('large')
      .of('Microsoft.Insights/metricAlerts')
      .find(({ name }) => name === 'hub-quota');
    expect(quota?.properties.criteria.allOf[0].threshold).toBe(10 * 6_000_000 * 0.8);
  });

  it('closes storage and vault where networking is private, and leaves ways in for the app', () => {
    const { of, the } = evaluated('private');
    const [host, products] = of('Microsoft.Storage/storageAccounts').map(
      ({ properties }) => properties as Record<string, unknown>,
    );
    expect(host).toMatchObject({ publicNetworkAccess: 'Disabled', networkAcls: { defaultAction: 'Deny' } });
    // Stream Analytics comes in by its identity, as a trusted service.
    expect(products?.networkAcls).toEqual({ bypass: 'AzureServices', defaultAction: 'Deny' });
    expect(the('Microsoft.KeyVault/vaults').properties.publicNetworkAccess).toBe('Disabled');
    const ways = of('Microsoft.Network/privateEndpoints').flatMap(
      ({ properties }) => properties.privateLinkServiceConnections[0].properties.groupIds as string[],
    );
    expect(ways.toSorted()).toEqual(['blob', 'blob', 'vault']);
    expect(JSON.stringify(the('Microsoft.Web/sites').properties.virtualNetworkSubnetId)).toContain(
      'network-',
    );
    expect(the('Microsoft.Network/virtualNetworks').properties.subnets).toMatchObject([
      { properties: { addressPrefix: '10.20.0.0/26', delegations: [{}] } },
      { properties: { addressPrefix: '10.20.0.64/26' } },
    ]);
  });

  it.each([
    [
      'the free hub',
      { from: "'https://shop.example'", to: "'https://shop.example'\nparam iotHubSku = 'F1'" },
      /only the consumer group \$Default/,
    ],
    [
      'a basic hub',
      { from: "'https://shop.example'", to: "'https://shop.example'\nparam iotHubSku = 'B1'" },
      /use S1, S2 or S3/,
    ],
    [
      'a wildcard that the platform matches with nothing',
      { from: 'https://shop', to: 'https://*.shop' },
      /List each origin, or use \* alone/,
    ],
    ['Power BI without a workspace', { from: /'1{8}-.*'/, to: "''" }, /powerBiWorkspaceId is empty/],
  ])('refuses %s and says why', (_what, change, reason) => {
    expect(() =>
      evaluate('default', { file: 'test/infra/parameters/default.bicepparam', ...change }),
    ).toThrow(reason);
  });
});

describe('the datasets of Power BI', () => {
  const { outputs } = readQuery();

  it('are one for each output of the query', () => {
    expect(Object.keys(outputs).toSorted()).toEqual(['events-per-minute', 'product-events']);
  });

  it.each(Object.entries(outputs))('%s has the columns of the query, with their types', (output, columns) => {
    const dataset = JSON.parse(readFileSync(`infra/powerbi/datasets/${output}.json`, 'utf8'));
    expect(dataset).toMatchObject({ name: output, defaultMode: 'Push', tables: [{ name: output, columns }] });
    expect(dataset.tables).toHaveLength(1);
    expect(dataset.tables[0].columns).toHaveLength(columns.length);
  });

  it('keep the ten columns of the original', () => {
    expect(outputs['product-events']?.slice(0, 10).map(({ name }) => name)).toEqual(ORIGINAL_COLUMNS);
  });
});

/** What a check says against a deployment. */
function objection(check: (deployment: Deployment) => void, deployment: Deployment): string {
  try {
    check(deployment);
    return 'nothing';
  } catch (error) {
    const { message, actual, expected } = error as { message: string; actual: unknown; expected: unknown };
    return `${message}\n${JSON.stringify({ actual, expected })}`;
  }
}

describe.skipIf(!bicep)(`the checks notice${WHY_SKIPPED}`, () => {
  const main = 'infra/main.bicep';
  const checkRoles = (deployment: Deployment): void => checks.checkRoles(deployment, SETS[0]?.roles ?? []);

  interface Mistake {
    what: string;
    mutation: Mutation;
    check: (deployment: Deployment) => void;
    says: RegExp;
  }
  // Several are made in one deployment, each the business of another check: evaluating one takes seconds.
  const deployments: Mistake[][] = [
    [
      {
        what: 'a consumer group that the job does not read',
        mutation: {
          file: main,
          from: 'consumerGroup: consumerGroups.analytics',
          to: "consumerGroup: 'analytic'",
        },
        check: checks.checkConsumerGroups,
        says: /"analytic"/,
      },
      {
        what: 'an app setting that is missing',
        mutation: { file: main, from: /^ *IOTHUB_EVENTHUB_CONNECTION: .*\n/m, to: '' },
        check: checks.checkSettings,
        says: /"actual":\["IOTHUB_EVENTHUB_CONNECTION"\]/,
      },
      {
        what: 'a wider role',
        mutation: {
          file: main,
          from: 'roleId: roles.storageBlobDataReader',
          to: 'roleId: roles.storageBlobDataOwner',
        },
        check: checkRoles,
        says: /job: Storage Blob Data Owner on/,
      },
      {
        what: 'a key in an app setting',
        mutation: {
          file: main,
          from: /KEEP_ALIVE_FUNCTION_KEY: .*/,
          to: "KEEP_ALIVE_FUNCTION_KEY: 'c2VjcmV0LWtleQ=='",
        },
        check: checks.checkSecrets,
        says: /KEEP_ALIVE_FUNCTION_KEY is no Key Vault reference/,
      },
      {
        what: 'origins that the platform does not know',
        mutation: {
          file: main,
          from: "CORS_ALLOWED_ORIGINS: join(checkedOrigins, ',')",
          to: "CORS_ALLOWED_ORIGINS: '*'",
        },
        check: checks.checkCors,
        says: /expected 'https:\/\/shop.example' to be '\*'/,
      },
      {
        what: 'a query that is not the file',
        mutation: {
          file: 'infra/modules/streamAnalytics.bicep',
          from: 'query: query',
          to: "query: replace(query, 'LEFT JOIN', 'JOIN')",
        },
        check: checks.checkQuery,
        says: /LEFT JOIN/,
      },
    ],
    [
      {
        what: 'two readers on one consumer group',
        mutation: {
          file: main,
          from: 'MESSAGE_POLL_CONSUMERGROUP: consumerGroups.feed',
          to: 'MESSAGE_POLL_CONSUMERGROUP: consumerGroups.analytics',
        },
        check: checks.checkConsumerGroups,
        says: /"actual":\["analytics","analytics"\]/,
      },
      {
        what: 'an app setting that nobody reads',
        mutation: {
          file: main,
          from: 'IOTHUB_HOSTNAME: iotHub',
          to: "IOTHUB_NAME: 'x'\n      IOTHUB_HOSTNAME: iotHub",
        },
        check: checks.checkSettings,
        says: /"actual":\["IOTHUB_NAME"\]/,
      },
      {
        what: 'a role on more than it is for',
        mutation: {
          file: main,
          from: /(module jobOnSnapshots [^]*?containerName: )snapshotContainer/,
          to: "$1''",
        },
        check: checkRoles,
        says: /job: Storage Blob Data Reader on Storage\/storageAccounts\/stproducts\*"/,
      },
      {
        what: 'a connection string in an app setting',
        mutation: {
          file: main,
          from: /PRODUCTS_QUERY: .*/,
          to: "PRODUCTS_QUERY: 'postgres://reader:pass@db.example/${productsQuery}'",
        },
        check: checks.checkSecrets,
        says: /PRODUCTS_QUERY: expected 'postgres:/,
      },
      {
        what: 'an output of another name',
        mutation: { file: main, from: "'events-per-minute'", to: "'events-by-minute'" },
        check: checks.checkQuery,
        says: /"events-by-minute"/,
      },
    ],
    [
      {
        what: 'a key that is listed into a setting',
        mutation: {
          file: main,
          from: /PRODUCTS_QUERY: .*/,
          to: "PRODUCTS_QUERY: '${productsQuery}${listKeys(resourceId('Microsoft.Devices/IotHubs/IotHubKeys', hubName, 'service'), '2023-06-30').primaryKey}'",
        },
        check: checks.checkSecrets,
        says: /PRODUCTS_QUERY: expected '\[.*listKeys/,
      },
      {
        what: 'a consumer group of another name than on one machine',
        mutation: { file: main, from: "feed: 'message-feed'", to: "feed: 'feed'" },
        check: checks.checkConsumerGroups,
        says: /"feed"/,
      },
    ],
  ];

  describe.each(deployments.map((mistakes) => ({ mistakes })))('', ({ mistakes }) => {
    let deployment: Deployment;
    beforeAll(() => {
      deployment = evaluate('default', ...mistakes.map(({ mutation }) => mutation));
    });
    it.each(mistakes)('$what', ({ check, says }) => {
      expect(objection(check, deployment)).toMatch(says);
    });
  });
});
