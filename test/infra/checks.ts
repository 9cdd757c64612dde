import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { CONSUMER_GROUPS } from '../../emulator/wellKnown';
import { type SettingsError, readSettings } from '../../src/settings';
import { QUERY_FILE, readQuery } from './query';
import { type Deployment, eachString } from './snapshot';

/** Set for the Functions host and the SDKs, not for the app. */
const PLATFORM_SETTINGS = [
  'AzureWebJobsStorage__blobServiceUri',
  'AzureWebJobsStorage__credential',
  'AzureWebJobsStorage__clientId',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'AZURE_CLIENT_ID',
  'AzureWebJobs.keepAlive.Disabled',
];
/** Read by the timer that takes product snapshots. */
const SNAPSHOT_SETTINGS = ['PRODUCTS_DATABASE_URL', 'PRODUCTS_QUERY', 'PRODUCTS_STORAGE__blobServiceUri'];
/** Optional for the app, and of this deployment all the same. */
const DEPLOYED = [
  'IOTHUB_SHAREDACCESSKEYNAME',
  'IOTHUBOWNER_SHAREDACCESSKEY',
  'MESSAGE_POLL_CONSUMERGROUP',
  'CORS_ALLOWED_ORIGINS',
  'KEEP_ALIVE_FUNCTION_KEY',
  'PRODUCTS_DATABASE_URL',
  'PRODUCTS_QUERY',
  'PRODUCTS_STORAGE__blobServiceUri',
];
/** Read by the app, and no business of a deployment: the platform sets it, or it is for local runs. */
const NEVER_DEPLOYED = [
  'AF_HOST',
  'WEBSITE_HOSTNAME',
  'KEEP_ALIVE_SCHEDULE',
  'PRODUCTS_SCHEDULE',
  'PRODUCTS_STORAGE',
  'IOTHUB_ENDPOINT',
  'IOTHUB_CA_FILE',
];

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

/** The names that src/settings.ts reads. */
export function knownSettings(): string[] {
  const source = readFileSync('src/settings.ts', 'utf8');
  return [...source.matchAll(/^ {2}([A-Z][A-Za-z0-9_]*): z\b/gm)].map(([, name = '']) => name);
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

/** All that the app requires is set, nothing that it does not know, and it starts with them. */
export function checkSettings(deployment: Deployment): void {
  const settings = settingsOf(deployment);
  const known = knownSettings();
  const names = Object.keys(settings);
  const mayBeSet = [...known, ...SNAPSHOT_SETTINGS, ...PLATFORM_SETTINGS];
  expect(names.filter((name) => !mayBeSet.includes(name) || NEVER_DEPLOYED.includes(name))).toEqual([]);
  const needed = [...requiredSettings(), ...DEPLOYED, ...PLATFORM_SETTINGS];
  expect(needed.filter((name) => !names.includes(name))).toEqual([]);
  const vault = deployment.the('Microsoft.KeyVault/vaults').name;
  const secrets = deployment.of('Microsoft.KeyVault/vaults/secrets').map(({ name }) => name);
  for (const [name, value] of Object.entries(settings)) {
    const secret = /@Microsoft\.KeyVault\(VaultName=([\w-]+);SecretName=([\w-]+)\)/.exec(value);
    if (!secret) continue;
    expect(secret[1], name).toBe(vault);
    // The key that pings carry is made by the app itself, after it is deployed.
    if (secret[2] !== 'keep-alive-function-key') expect(secrets).toContain(`${vault}/${secret[2] ?? ''}`);
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

const SECRET_IN_TEXT = [
  /SharedAccessKey=(?!\{\d+\})[^;\s]+/i,
  /AccountKey=/i,
  /:\/\/[^/\s:]+:[^@\s/]+@/, // a password in a URL
  /sig=[\w%]{20,}/,
  /test-password/,
];
const SECRET_NAME = /(?:^|[._])(?:value|\w*key|\w*secret|\w*password|\w*connection|\w*_url)$/i;
const REFERENCE = /^@Microsoft\.KeyVault\(VaultName=[\w-]+;SecretName=[\w-]+\)$/;

/** No secret stands in a property: the vault's come from Azure or a secure parameter, the app's from the vault. */
export function checkSecrets(deployment: Deployment): void {
  for (const { type, name, properties } of deployment.resources) {
    eachString(properties, (text, path) => {
      for (const secret of SECRET_IN_TEXT) expect(text, `${type} ${name} ${path}`).not.toMatch(secret);
      // Keys may be listed into the vault, and into the input that knows no vault.
      const mayList =
        (type === 'Microsoft.KeyVault/vaults/secrets' && path === 'value') ||
        path === 'datasource.properties.sharedAccessPolicyKey';
      if (!mayList)
        expect(text, `${type} ${name} ${path}`).not.toMatch(
          /listKeys|parameters\('productsDatabaseUrl'\)\]/i,
        );
    });
  }
  eachString(deployment.outputs, (text, path) => {
    expect(text, `output ${path}`).not.toMatch(/listKeys/i);
  });
  for (const { name, properties } of deployment.of('Microsoft.KeyVault/vaults/secrets')) {
    expect(properties.value, name).toMatch(/^\[.*listKeys\(|^\[parameters\('productsDatabaseUrl'\)\]$/);
  }
  for (const [name, value] of Object.entries(settingsOf(deployment))) {
    if (!SECRET_NAME.test(name) || name.startsWith('APPLICATIONINSIGHTS_')) continue;
    const given = /^\[if\(empty\(.+\), '', format\('\{0\}[\w-]+\)', variables\('secretReference'\)\)\)\]$/;
    expect(
      value === '' || REFERENCE.test(value) || given.test(value),
      `${name} is no Key Vault reference`,
    ).toBe(true);
  }
}

const ROLE_NAMES: Record<string, string> = {
  '2b629674-e913-4c01-ae53-ef4658d8f975': 'Azure Event Hubs Data Sender',
  '4ea46cd5-c1b2-4a8e-910b-273211f9ce47': 'IoT Hub Registry Contributor',
  '4633458b-17de-408a-b874-0445c86b69e6': 'Key Vault Secrets User',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': 'Storage Blob Data Contributor',
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1': 'Storage Blob Data Reader',
};

/** Who may do what where, as `<who>: <role> on <scope>`. */
export function rolesOf(deployment: Deployment): string[] {
  return deployment
    .of('Microsoft.Authorization/roleAssignments')
    .map(({ id, properties }) => {
      const { principalId, roleDefinitionId } = properties as {
        principalId: string;
        roleDefinitionId: string;
      };
      const who = principalId.includes("format('identity-")
        ? 'app'
        : principalId.includes("format('streamAnalytics-")
          ? 'job'
          : principalId;
      const role = roleDefinitionId.split('/').at(-1) ?? '';
      const scope = id.split('/providers/Microsoft.Authorization/')[0]?.split('/providers/').at(-1) ?? id;
      const where = scope.replace(/[a-z0-9]{13}(?=\/|$)/, '*').replace(/^Microsoft\./, '');
      return `${who}: ${ROLE_NAMES[role] ?? role} on ${where}`;
    })
    .toSorted();
}

const APP_ROLES = [
  'app: Key Vault Secrets User on KeyVault/vaults/kv-*',
  'app: Monitoring Metrics Publisher on Insights/components/appi-*',
  'app: Storage Blob Data Contributor on Storage/storageAccounts/stproducts*/blobServices/default/containers/reference',
  'app: Storage Blob Data Owner on Storage/storageAccounts/sthost*',
  'job: Storage Blob Data Reader on Storage/storageAccounts/stproducts*/blobServices/default/containers/reference',
];

/** Each identity has the roles that it needs, and none beside. */
export function checkRoles(deployment: Deployment, others: readonly string[]): void {
  expect(rolesOf(deployment)).toEqual([...APP_ROLES, ...others].toSorted());
}

/** The platform answers preflights and the function answers the rest: by the same list. */
export function checkCors(deployment: Deployment): void {
  const platform = deployment.the('Microsoft.Web/sites').properties.siteConfig.cors
    .allowedOrigins as string[];
  expect(platform.join(',')).toBe(settingsOf(deployment).CORS_ALLOWED_ORIGINS);
  expect(platform.length).toBeGreaterThan(0);
}

/** The job runs the file as it is, with inputs and outputs of the names in it. */
export function checkQuery(deployment: Deployment): void {
  const { properties } = deployment.the('Microsoft.StreamAnalytics/streamingjobs/transformations');
  expect(properties.query).toBe(readFileSync(QUERY_FILE, 'utf8'));
  const { inputs, outputs } = readQuery();
  const lastNames = (type: string): string[] =>
    deployment
      .of(`Microsoft.StreamAnalytics/streamingjobs/${type}`)
      .map(({ name }) => name.split('/').at(-1) ?? '');
  expect(lastNames('inputs').toSorted()).toEqual(inputs.toSorted());
  expect(lastNames('outputs').toSorted()).toEqual(Object.keys(outputs).toSorted());
}
