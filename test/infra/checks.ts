import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { CONSUMER_GROUPS } from '../../emulator/wellKnown';
import { type SettingsError, readSettings } from '../../src/settings';
import { snapshotPath as snapshotPathOfTheHook } from '../../infra/hooks/products';
import { TABLES } from '../../src/products/readTables';
import { CONTAINER, snapshotPath } from '../../src/products/snapshotStore';
import { QUERY_FILE, readQuery } from './query';
import type { Deployment } from './snapshot';

/** Set for the Functions host and the SDKs, not for the app. */
const PLATFORM_SETTINGS = [
  'AzureWebJobsStorage__accountName',
  'AzureWebJobsStorage__blobServiceUri',
  'AzureWebJobsStorage__credential',
  'AzureWebJobsStorage__clientId',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'AZURE_CLIENT_ID',
  'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT',
  'AzureWebJobs.keepAlive.Disabled',
];
/** Read by the app, and left out of a deployment. All others that it reads are set. */
const LEFT_OUT: Record<string, string> = {
  WEBSITE_HOSTNAME: 'set by the platform',
  KEEP_ALIVE_SCHEDULE: 'its default is right',
  PRODUCTS_SCHEDULE: 'its default is right',
  PRODUCTS_STORAGE: 'a connection string; the account is reached by identity',
  IOTHUB_ENDPOINT: 'for local runs',
  IOTHUB_CA_FILE: 'for local runs',
};

/** Secrets that are made once and kept, which a template cannot do. */
const MADE_BY_HOOKS = ['keep-alive-function-key', 'visitor-key'];

export function settingsOf({ the }: Deployment): Record<string, string> {
  return the('Microsoft.Web/sites/config').properties as Record<string, string>;
}

/** Each group is made, and is read by one reader: the job by its input, the feed by its setting. */
export function checkConsumerGroups(deployment: Deployment): void {
  const made = deployment
    .of('Microsoft.Devices/IotHubs/eventHubEndpoints/ConsumerGroups')
    .map(({ name, properties }) => {
      expect(name.split('/').at(-1)).toBe(properties.name);
      return properties.name as string;
    });
  const events = deployment
    .of('Microsoft.StreamAnalytics/streamingjobs/inputs')
    .find(({ properties }) => properties.type === 'Stream');
  const read = [
    events?.properties.datasource.properties.consumerGroupName,
    settingsOf(deployment).MESSAGE_POLL_CONSUMERGROUP,
  ];
  expect(read.toSorted()).toEqual(made.toSorted());
  // The same names as on one machine.
  expect(CONSUMER_GROUPS).toEqual(expect.arrayContaining(made));
}

/** The names that the app's settings have in their schema. */
export function knownSettings(): string[] {
  const source = readFileSync('src/settings/index.ts', 'utf8');
  const [, schema = ''] = /const environment = z\.object\(\{\n([^]*?)\n\}\);/.exec(source) ?? [];
  const names = [...schema.matchAll(/^ {2}([A-Z]\w*): /gm)].map(([, name = '']) => name);
  if (!names.includes('IOTHUB_HOSTNAME')) throw new Error('the schema of the settings is somewhere else');
  return names;
}

/** The names without which the app does not start, in its own words. */
function requiredSettings(): string[] {
  try {
    readSettings({});
    return [];
  } catch (error) {
    return (error as SettingsError).problems.map((problem) => problem.split(' ')[0] ?? '');
  }
}

/** All that the app reads is set or left out on purpose, nothing else is, and it starts with them. */
export function checkSettings(deployment: Deployment): void {
  const settings = settingsOf(deployment);
  const names = Object.keys(settings);
  const read = knownSettings();
  const wanted = [...read.filter((name) => LEFT_OUT[name] === undefined), ...PLATFORM_SETTINGS];
  expect(
    names.filter((name) => !wanted.includes(name)),
    'nobody reads',
  ).toEqual([]);
  expect(
    wanted.filter((name) => !names.includes(name)),
    'not set',
  ).toEqual([]);
  expect(
    [...requiredSettings(), ...Object.keys(LEFT_OUT)].filter((name) => !read.includes(name)),
    'gone from src/settings',
  ).toEqual([]);
  expect(requiredSettings().filter((name) => settings[name] === '')).toEqual([]);
  const vault = deployment.the('Microsoft.KeyVault/vaults').name;
  const secrets = deployment.of('Microsoft.KeyVault/vaults/secrets').map(({ name }) => name);
  for (const [name, value] of Object.entries(settings)) {
    const secret = /@Microsoft\.KeyVault\(VaultName=([\w-]+);SecretName=([\w-]+)\)/.exec(value);
    if (!secret) continue;
    expect(secret[1], name).toBe(vault);
    if (!MADE_BY_HOOKS.includes(secret[2] ?? '')) expect(secrets).toContain(`${vault}/${secret[2] ?? ''}`);
  }
  expect(() => readSettings(asTheAppSeesThem(settings))).not.toThrow();
}

/** With Azure's part of the values made up. */
function asTheAppSeesThem(settings: Record<string, string>): Record<string, string> {
  const samples: Record<string, string> = {
    IOTHUB_HOSTNAME: 'iot-sample.azure-devices.net',
    IOTHUB_EVENTHUB_CONNECTION:
      'Endpoint=sb://sample.servicebus.windows.net/;SharedAccessKeyName=service;SharedAccessKey=c2FtcGxl;EntityPath=sample',
    IOTHUBOWNER_SHAREDACCESSKEY: 'c2FtcGxl',
    VISITOR_KEY: Buffer.alloc(64, 1).toString('base64'),
    PRODUCTS_DATABASE_URL: 'postgres://db.example/shop',
    PRODUCTS_STORAGE__blobServiceUri: 'https://stproductssample.blob.core.windows.net/',
  };
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      /^[@[]/.test(value) ? (samples[name] ?? '') : value,
    ]),
  );
}

/**
 * The platform answers preflights and the function answers the rest: by the same list. The Functions host reads the
 * app's setting, too, and fails at each request unless it is JSON.
 */
export function checkCors(deployment: Deployment): void {
  const platform = deployment.the('Microsoft.Web/sites').properties.siteConfig.cors
    .allowedOrigins as string[];
  expect(settingsOf(deployment).CORS_ALLOWED_ORIGINS).toBe(JSON.stringify(platform));
  expect(platform.length).toBeGreaterThan(0);
}

/** What azd finds its resources by: a tag on all that can have one, and the service's on one. */
export function checkTags(deployment: Deployment, environmentName: string): void {
  const tagged = deployment.resources.filter(({ tags }) => tags !== undefined);
  for (const { type, tags } of tagged) expect(tags['azd-env-name'], type).toBe(environmentName);
  const [service] = /(?<=^services:\n {2})\w+/m.exec(readFileSync('azure.yaml', 'utf8')) ?? [];
  expect(tagged.filter(({ tags }) => tags['azd-service-name'] === service).map(({ type }) => type)).toEqual([
    'Microsoft.Web/sites',
  ]);
  const untagged = deployment.resources.filter(({ tags }) => tags === undefined).map(({ type }) => type);
  expect([...new Set(untagged)].filter((type) => !TAKES_NO_TAGS.test(type))).toEqual([]);
}

const TAKES_NO_TAGS =
  /^Microsoft\.(?:Authorization|Consumption)\/|^Microsoft\.Insights\/diagnosticSettings$|\/(?:secrets|config|containers|blobServices|ConsumerGroups|inputs|outputs|transformations|eventhubs|basicPublishingCredentialsPolicies|privateDnsZoneGroups|securityPolicies|originGroups|origins|routes)$/i;

/** The job as the query needs it, with its reference data where the app writes it. */
export function checkJob(deployment: Deployment): void {
  const job = deployment.the('Microsoft.StreamAnalytics/streamingjobs');
  expect(job.identity).toEqual({ type: 'SystemAssigned' });
  expect(job.properties).toMatchObject({
    sku: { name: 'StandardV2' },
    jobType: 'Cloud',
    compatibilityLevel: '1.2',
    outputErrorPolicy: 'Drop',
    eventsOutOfOrderPolicy: 'Adjust',
    eventsOutOfOrderMaxDelayInSeconds: 5,
    eventsLateArrivalMaxDelayInSeconds: 60,
  });
  const inputs = deployment.of('Microsoft.StreamAnalytics/streamingjobs/inputs');
  const source = (type: string): any =>
    inputs.find(({ properties }) => properties.type === type)?.properties.datasource;
  expect(source('Stream')).toMatchObject({
    type: 'Microsoft.Devices/IotHubs',
    properties: {
      iotHubNamespace: deployment.the('Microsoft.Devices/IotHubs').name,
      endpoint: 'messages/events',
      sharedAccessPolicyName: 'service',
    },
  });
  const references = inputs.filter(({ properties }) => properties.type === 'Reference');
  expect(references.map(({ name }) => name.split('/').at(-1))).toEqual(TABLES);
  const time = new Date('2026-03-04T05:06:07Z');
  for (const [i, table] of TABLES.entries()) {
    const reference = references[i]?.properties.datasource;
    expect(reference).toMatchObject({
      type: 'Microsoft.Storage/Blob',
      properties: { authenticationMode: 'Msi', container: CONTAINER },
    });
    const { storageAccounts, pathPattern, dateFormat, timeFormat } = reference.properties;
    expect(storageAccounts).toEqual([{ accountName: expect.stringMatching(/^stproducts/) }]);
    const path = String(pathPattern)
      .replace('{date}', inUtc(time, dateFormat))
      .replace('{time}', inUtc(time, timeFormat));
    expect([snapshotPath(time, table), snapshotPathOfTheHook(time, table)]).toEqual([path, path]);
  }
}

/** By the format strings of Stream Analytics. */
function inUtc(time: Date, format: string): string {
  const [yyyy = '', MM = '', dd = '', HH = '', mm = ''] = time.toISOString().split(/[-T:]/);
  return format.replace(/yyyy|MM|dd|HH|mm/g, (part) => ({ yyyy, MM, dd, HH, mm })[part] ?? '');
}

/**
 * The job runs the file as it is, except for the prefix of gateways, with inputs and outputs of the names in it. In a
 * pattern of LIKE, `_` stands for any character.
 */
export function checkQuery(deployment: Deployment): void {
  const { properties } = deployment.the('Microsoft.StreamAnalytics/streamingjobs/transformations');
  const prefix = settingsOf(deployment).VISITOR_ID_PREFIX ?? '';
  const file = readFileSync(QUERY_FILE, 'utf8');
  expect(properties.query).toBe(
    file.replaceAll("'web-gateway-", `'${prefix.replaceAll('_', '[_]')}gateway-`),
  );
  const { inputs, outputs } = readQuery();
  const lastNames = (type: string): string[] =>
    deployment
      .of(`Microsoft.StreamAnalytics/streamingjobs/${type}`)
      .map(({ name }) => name.split('/').at(-1) ?? '');
  expect(lastNames('inputs').toSorted()).toEqual(inputs.toSorted());
  expect(lastNames('outputs').toSorted()).toEqual(Object.keys(outputs).toSorted());
}
