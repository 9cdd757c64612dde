import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { METRIC_NAMESPACE } from '../../src/monitoring/customMetric';
import { FEED_LAG_METRIC } from '../../src/monitoring/feedLag';
import { settingsOf } from './checks';
import { type Limit, facts, limit } from './factFiles';
import type { Deployment, Resource } from './snapshot';

interface Role {
  name: string;
  id: string;
}
export const ROLES: readonly Role[] = facts('roles');

/** A value that is an expression is not known before the deployment. */
function expectWithin(value: unknown, { of, what, min, max }: Limit): void {
  expect(value, `${of}: ${what}`).toBeGreaterThanOrEqual(min ?? 0);
  expect(value, `${of}: ${what}`).toBeLessThanOrEqual(max ?? Infinity);
}

/** Every role that is assigned is a built-in role of Azure. */
export function checkRoleIds(deployment: Deployment): void {
  for (const { properties } of deployment.of('Microsoft.Authorization/roleAssignments')) {
    const id = String(properties.roleDefinitionId).split('/').at(-1);
    expect(ROLES.map((role) => role.id)).toContain(id);
  }
}

/** Every alert on a metric names one that exists, with an aggregation that it has. */
export function checkMetrics(deployment: Deployment): void {
  const known: { namespace: string; metrics: Record<string, string[]> }[] = facts('metrics');
  for (const { name, properties } of deployment.of('Microsoft.Insights/metricAlerts')) {
    const [{ metricNamespace, metricName, timeAggregation, skipMetricValidation }] =
      properties.criteria.allOf;
    if (metricNamespace === METRIC_NAMESPACE) {
      expect([metricName, skipMetricValidation], name).toEqual([FEED_LAG_METRIC, true]);
      continue;
    }
    const metrics = known.find(({ namespace }) => namespace === metricNamespace)?.metrics;
    expect(metrics?.[metricName], `${name}: ${metricNamespace} ${metricName}`).toContain(timeAggregation);
    expect(skipMetricValidation, name).toBe(false);
  }
}

/** What Microsoft recommends to watch of a Stream Analytics job. */
export function checkJobAlerts(deployment: Deployment): void {
  const { metrics, activityLog } = facts('recommendedJobAlerts');
  const criteria = deployment
    .of('Microsoft.Insights/metricAlerts')
    .map(({ properties }) => properties.criteria.allOf[0]);
  for (const { metric, aggregation, operator, threshold } of metrics) {
    expect(criteria, metric).toContainEqual(
      expect.objectContaining({ metricName: metric, timeAggregation: aggregation, operator, threshold }),
    );
  }
  const conditions = deployment
    .of('Microsoft.Insights/activityLogAlerts')
    .map(({ properties }) => properties.condition.allOf);
  expect(conditions).toContainEqual([
    { field: 'category', equals: activityLog.category },
    { field: 'status', equals: activityLog.status },
  ]);
}

/** Every category of a diagnostic setting is one that its resource writes. */
export function checkLogCategories(deployment: Deployment): void {
  const known: { type: string; categories: string[] }[] = facts('logCategories');
  const settings = deployment.of('Microsoft.Insights/diagnosticSettings');
  const types = settings.map(({ id, properties }) => {
    const type = known.find((one) => id.includes(typeInId(id, one.type)));
    expect(type, id).toBeDefined();
    for (const { category } of properties.logs) expect(type?.categories, id).toContain(category);
    return type?.type;
  });
  // The hub, the vault, the job and both storage accounts write logs.
  expect(types.toSorted()).toEqual([
    'Microsoft.Devices/IotHubs',
    'Microsoft.KeyVault/vaults',
    'Microsoft.Storage/storageAccounts/blobServices',
    'Microsoft.Storage/storageAccounts/blobServices',
    'Microsoft.StreamAnalytics/streamingjobs',
  ]);
}

/** `Microsoft.A/b/c` as it stands in a resource id, `Microsoft.A/b/<name>/c`; a sentence that no id has otherwise. */
function typeInId(id: string, type: string): string {
  const [provider = '', first = '', ...rest] = type.split('/');
  const pattern = [`${provider}/${first}`, ...rest].join('/[^/]+/');
  return new RegExp(pattern).exec(id)?.[0] ?? `no ${type}`;
}

/** Every SKU is one that its resource type has. */
export function checkSkus(deployment: Deployment): void {
  const entries: { type: string; skus: string[] }[] = facts('skus');
  const known = new Map(entries.map(({ type, skus }) => [type.toLowerCase(), skus]));
  for (const { type, name, sku, properties } of deployment.resources) {
    const used = (sku ?? properties?.sku)?.name as string | undefined;
    const skus = known.get(type.toLowerCase());
    if (used !== undefined && skus) expect(skus, `${type} ${name}`).toContain(used);
  }
}

/** What is deployed is within the limits of its service. */
export function checkLimits(deployment: Deployment): void {
  const { the, of } = deployment;
  const hub = the('Microsoft.Devices/IotHubs');
  const { partitionCount, retentionTimeInDays } = hub.properties.eventHubEndpoints.events;
  expectWithin(partitionCount, limit('IoT Hub', 'partitions'));
  expectWithin(retentionTimeInDays, limit('IoT Hub', 'retention days'));
  const sku = String(hub.sku.name);
  expect(hub.sku.capacity).toBeLessThanOrEqual(Number(limit('IoT Hub', 'units')[sku]));
  const quota = of('Microsoft.Insights/metricAlerts').find(({ name }) => name === 'hub-quota');
  expect(quota?.properties.criteria.allOf[0].threshold).toBe(
    (Number(limit('IoT Hub', 'messages a day and unit')[sku]) * hub.sku.capacity * 8) / 10,
  );
  const { streamingUnits } = the('Microsoft.StreamAnalytics/streamingjobs/transformations').properties;
  expectWithin(streamingUnits, limit('Stream Analytics', 'streaming units as the API counts them'));
  const { maximumInstanceCount, alwaysReady } =
    the('Microsoft.Web/sites').properties.functionAppConfig.scaleAndConcurrency;
  expectWithin(maximumInstanceCount, limit('Flex Consumption', 'maximum instances'));
  if (the('Microsoft.Web/serverfarms').properties.zoneRedundant === true) {
    const ready = limit('Flex Consumption', 'always-ready instances with zone redundancy');
    for (const { instanceCount } of alwaysReady) expectWithin(instanceCount, ready);
    const storage = of('Microsoft.Storage/storageAccounts').map((account): string => account.sku.name);
    for (const name of storage) expect(name).toMatch(/ZRS$/);
  }
  const vault = the('Microsoft.KeyVault/vaults').properties;
  expectWithin(vault.softDeleteRetentionInDays, limit('Key Vault', 'soft-delete retention days'));
  expect([vault.enableSoftDelete, vault.enablePurgeProtection]).toEqual([true, true]);
  for (const { properties } of of('Microsoft.Storage/storageAccounts/blobServices')) {
    for (const policy of [properties.deleteRetentionPolicy, properties.containerDeleteRetentionPolicy]) {
      expect(policy.enabled).toBe(true);
      expectWithin(policy.days, limit('Blob storage', 'soft-delete retention days'));
    }
  }
}

interface AppSettingFacts {
  bodyLimit: { name: string; default: number };
  refusedOnFlex: { names: string[] };
}

/** Settings of the platform: by their documented names, in their documented form. */
export function checkPlatformSettings(deployment: Deployment): void {
  const settings = settingsOf(deployment);
  const { bodyLimit, refusedOnFlex }: AppSettingFacts = facts('appSettings');
  for (const name of refusedOnFlex.names) expect(settings).not.toHaveProperty(name);
  expect(settings.APPLICATIONINSIGHTS_AUTHENTICATION_STRING).toMatch(/ClientId=.*;Authorization=AAD/);
  const bodyBytes = Number(settings[bodyLimit.name]);
  expect(bodyBytes).toBeGreaterThan(maxBodyBytes());
  expect(bodyBytes).toBeLessThan(bodyLimit.default / 10);
  // The same as on one machine.
  const local = JSON.parse(readFileSync('local.settings.example.json', 'utf8'));
  expect(local.Values[bodyLimit.name]).toBe(settings[bodyLimit.name]);
  expect(settings.AZURE_MONITOR_METRICS_URL).toMatch(
    /^https:\/\/[a-z0-9]+\.monitoring\.azure\.com\/subscriptions\/[\w-]+\/resourceGroups\/[\w-]+\/providers\/Microsoft\.Web\/sites\/[\w-]+\/metrics$/,
  );
  expect(settings.AzureWebJobsStorage__accountName).toMatch(/^sthost/);
}

/** The app's own limit, beyond which it answers with a reason and CORS headers. */
function maxBodyBytes(): number {
  const source = readFileSync('src/functions/sendMessage.ts', 'utf8');
  const factors = /MAX_BODY_BYTES = ([\d* ]+);/.exec(source)?.[1] ?? '';
  return factors.split('*').reduce((product, factor) => product * Number(factor), 1);
}

/** Every resource type has an API version that Microsoft published, where facts/ knows its versions. */
export function checkApiVersions(folder = 'infra'): void {
  const entries: { type: string; versions: string[] }[] = facts('apiVersions');
  const known = new Map(entries.map(({ type, versions }) => [type, versions]));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.bicep'),
  );
  let checked = 0;
  for (const file of files) {
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, type = '', version] of text.matchAll(/'(Microsoft\.[\w/]+)@([\w-]+)'/g)) {
      const root = type.split('/').slice(0, 2).join('/');
      const versions = known.get(root);
      if (!versions) continue;
      expect(versions, `${file}: ${type}`).toContain(version);
      checked++;
    }
  }
  expect(checked).toBeGreaterThan(20);
}

/** azd offers regions in which Flex Consumption exists. */
export function checkRegions(mainBicep: string): void {
  const list =
    /@allowed\(\[([^\]]*)\]\)\n@metadata\(\{\n {2}azd: \{\n {4}type: 'location'/.exec(mainBicep)?.[1] ?? '';
  const allowed = [...list.matchAll(/'(\w+)'/g)].map(([, region]) => region);
  expect(allowed.length).toBeGreaterThan(10);
  const { regions }: { regions: string[] } = facts('flexRegions');
  expect(allowed.filter((region) => region === undefined || !regions.includes(region))).toEqual([]);
  expect(allowed.filter((region) => region?.endsWith('euap'))).toEqual([]);
}

/** Who has which role because Microsoft's page demands it. */
export function checkNeededRoles(roles: readonly string[]): void {
  for (const { who, needs } of facts('neededRoles')) {
    expect(roles.some((role) => role.startsWith(`${who}: ${needs} on `))).toBe(true);
  }
}

/** The workbook charts metrics that exist. */
export function checkWorkbookMetrics(workbook: Resource): void {
  const known: { namespace: string; metrics: Record<string, unknown> }[] = facts('metrics');
  const charted = [...JSON.stringify(workbook).matchAll(/([\w./]+)--([\w.]+)/g)];
  expect(charted.length).toBeGreaterThan(5);
  for (const [, namespace = '', metric = ''] of charted) {
    if (namespace === METRIC_NAMESPACE.toLowerCase()) expect(metric).toBe(FEED_LAG_METRIC);
    else {
      const metrics = known.find((one) => one.namespace.toLowerCase() === namespace)?.metrics;
      expect(Object.keys(metrics ?? {}), namespace).toContain(metric);
    }
  }
}
