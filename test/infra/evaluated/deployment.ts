import { beforeAll, describe, expect, it } from 'vitest';
import * as accessChecks from '../accessChecks';
import * as checks from '../checks';
import { SETS } from '../parameterSets';
import {
  type Deployment,
  type Mutation,
  WHY_SKIPPED,
  bicep,
  compile,
  evaluate,
  evaluated,
} from '../snapshot';

describe.skipIf(!bicep)(`the evaluated deployment${WHY_SKIPPED}`, { tags: 'full' }, () => {
  describe.each(SETS)('$name', ({ name, roles }) => {
    let result: Deployment;
    beforeAll(async () => {
      result = await evaluated(name);
    });
    const deployment = (): Deployment => result;

    it('makes a consumer group for each reader, and each reader has its own', () =>
      checks.checkConsumerGroups(deployment()));
    it('sets what the app requires and nothing that it does not know', () =>
      checks.checkSettings(deployment()));
    it('has no secret in plain text', () => accessChecks.checkSecrets(deployment()));
    it('gives each identity the roles that it needs', () => accessChecks.checkRoles(deployment(), roles));
    it('names role assignments after who has them', () => accessChecks.checkAssignmentNames(deployment()));
    it('has one list of origins for the platform and the app', () => checks.checkCors(deployment()));
    it('deploys the query as it stands in its file', () => checks.checkQuery(deployment()));
    it('gives the job the time rules and the reference data that the query needs', () =>
      checks.checkJob(deployment()));
    it('has the tags that azd finds resources by', () => checks.checkTags(deployment(), name));

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
      const watched = of('Microsoft.Insights/metricAlerts').map((alert) => {
        const [{ metricName, timeAggregation }] = alert.properties.criteria.allOf;
        expect(alert.properties).toMatchObject({ enabled: true, actions: [{}] });
        const module = /format\('(\w+)-/.exec(String(alert.properties.scopes[0]))?.[1] ?? 'none';
        return `${alert.name}: ${String(timeAggregation)} ${String(metricName)} of ${module}`;
      });
      expect(watched.toSorted()).toEqual([
        'feed-lag: Maximum FeedLagSeconds of functionApp',
        'hub-quota: Maximum dailyMessageQuotaUsed of iotHub',
        'hub-throttling: Total d2c.telemetry.ingress.sendThrottle of iotHub',
        'job-conversion-errors: Total ConversionErrors of streamAnalytics',
        'job-input-errors: Total DeserializationError of streamAnalytics',
        'job-runtime-errors: Total Errors of streamAnalytics',
        'job-utilization: Maximum ResourceUtilization of streamAnalytics',
        'job-watermark-delay: Maximum OutputWatermarkDelaySeconds of streamAnalytics',
      ]);
      expect(of('Microsoft.Insights/scheduledQueryRules').map(({ name }) => name)).toEqual([
        'function-failures',
        'feed-stopped',
      ]);
      expect(of('Microsoft.Insights/activityLogAlerts').map(({ name }) => name)).toEqual([
        'job-failed',
        'job-stopped',
      ]);
    });
  });

  it('deploys the sizes that are asked for, and the key of the policies that is in use', async () => {
    const { the, of } = await evaluated('large');
    const hub = the('Microsoft.Devices/IotHubs');
    expect(hub.sku).toEqual({ name: 'S2', capacity: 10 });
    expect(hub.properties.eventHubEndpoints.events).toEqual({ partitionCount: 32, retentionTimeInDays: 7 });
    expect(the('Microsoft.StreamAnalytics/streamingjobs/transformations').properties.streamingUnits).toBe(20);
    expect(the('Microsoft.Web/sites').properties.functionAppConfig.scaleAndConcurrency).toMatchObject({
      maximumInstanceCount: 400,
      alwaysReady: [],
    });
    const keys = [
      ...of('Microsoft.KeyVault/vaults/secrets').map(({ properties }) => String(properties.value)),
      ...of('Microsoft.StreamAnalytics/streamingjobs/inputs').map(({ properties }) =>
        String(properties.datasource.properties.sharedAccessPolicyKey),
      ),
    ].filter((value) => value.includes('listKeys'));
    expect(keys).toHaveLength(3);
    for (const key of keys) expect(key).toMatch(/secondaryKey/);
    expect(keys.join()).not.toMatch(/iothubowner/);
  });

  it('keeps instances ready for HTTP', async () => {
    const { alwaysReady } = (await evaluated('private')).the('Microsoft.Web/sites').properties
      .functionAppConfig.scaleAndConcurrency;
    expect(alwaysReady).toEqual([{ name: 'http', instanceCount: 2 }]);
  });

  it('sends rows to Power BI, or to event hubs behind the same names, by the identity of the job', async () => {
    const outputs = async (set: string): Promise<any[]> =>
      (await evaluated(set))
        .of('Microsoft.StreamAnalytics/streamingjobs/outputs')
        .map(({ name, properties }) => ({ name: name.split('/').at(-1), ...properties.datasource }));
    for (const { name, type, properties } of await outputs('default')) {
      expect(type).toBe('PowerBI');
      expect(properties).toMatchObject({ authenticationMode: 'Msi', dataset: name, table: name });
    }
    for (const { name, type, properties } of await outputs('large')) {
      expect(type).toBe('Microsoft.EventHub/EventHub');
      expect(properties).toMatchObject({ authenticationMode: 'Msi', eventHubName: name });
    }
    expect((await outputs('large')).map(({ name }) => String(name))).toEqual(
      (await outputs('default')).map(({ name }) => String(name)),
    );
  });

  it('has a budget, and somebody to tell, where that is asked for', async () => {
    expect((await evaluated('default')).of('Microsoft.Consumption/budgets')).toEqual([]);
    const { the, outputs } = await evaluated('large');
    expect(the('Microsoft.Consumption/budgets').properties).toMatchObject({
      amount: 5000,
      timePeriod: { startDate: '2026-11-01' },
      notifications: { actual80: { threshold: 80, contactEmails: ['ops@shop.example'] } },
    });
    // Azure refuses another one later: azd hands it back with the next deployment.
    expect(outputs.BUDGET_START_DATE).toBe('2026-11-01');
    expect(the('Microsoft.Insights/actionGroups').properties.emailReceivers).toMatchObject([
      { emailAddress: 'ops@shop.example' },
    ]);
  });

  it('shows no secret in what Azure keeps of a deployment', async () => {
    accessChecks.checkTemplateSecrets(await compile());
  });

  it('gives origins to the platform as browsers send them', async () => {
    const { the } = await evaluate('default', {
      file: 'test/infra/parameters/default.bicepparam',
      from: 'https://shop.example',
      to: 'https://Shop.example/, http://localhost:80, https://www.shop.example:8443',
    });
    expect(the('Microsoft.Web/sites').properties.siteConfig.cors.allowedOrigins).toEqual([
      'https://shop.example',
      'http://localhost',
      'https://www.shop.example:8443',
    ]);
  });

  it('warns at 80% of the quota of all units together', async () => {
    const quota = (await evaluated('large'))
      .of('Microsoft.Insights/metricAlerts')
      .find(({ name }) => name === 'hub-quota');
    expect(quota?.properties.criteria.allOf[0].threshold).toBe(10 * 6_000_000 * 0.8);
  });

  it('closes storage and vault where networking is private, and leaves ways in for the app', async () => {
    const { of, the } = await evaluated('private');
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

  // Each is an evaluation, which takes a second of CPU time.
  const refused: [what: string, change: Pick<Mutation, 'from' | 'to'>, reason: RegExp][] = [
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
    [
      'all origins with one of them',
      { from: 'https://shop.example', to: '*, https://shop.example' },
      /\* stands alone/,
    ],
    [
      'what is no origin',
      { from: 'https://shop.example', to: 'https://shop.example/checkout' },
      /\/checkout is no origin/,
    ],
    [
      'more units than a hub has',
      {
        from: "'https://shop.example'",
        to: "'https://shop.example'\nparam iotHubSku = 'S3'\nparam iotHubUnits = 11",
      },
      /10 units of S3/,
    ],
    [
      'one instance in several zones',
      {
        from: "'https://shop.example'",
        to: "'https://shop.example'\nparam zoneRedundant = true\nparam storageRedundancy = 'ZRS'",
      },
      /cannot be spread over zones/,
    ],
    [
      'storage in one zone for instances in several',
      {
        from: "'https://shop.example'",
        to: "'https://shop.example'\nparam zoneRedundant = true\nparam alwaysReadyInstances = 2",
      },
      /use ZRS or GZRS/,
    ],
    ['Power BI without a workspace', { from: /'1{8}-.*'/, to: "''" }, /powerBiWorkspaceId is empty/],
  ];
  it.each(refused)('refuses %s and says why', async (_what, change, reason) => {
    await expect(
      evaluate('default', { file: 'test/infra/parameters/default.bicepparam', ...change }),
    ).rejects.toThrow(reason);
  });
});
