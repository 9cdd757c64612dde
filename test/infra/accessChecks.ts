import { expect } from 'vitest';
import { settingsOf } from './checks';
import { type Deployment, type Template, eachString } from './snapshot';

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
    for (const secret of SECRET_IN_TEXT) expect(text, `output ${path}`).not.toMatch(secret);
    expect(text, `output ${path}`).not.toMatch(
      /listKeys|ConnectionString|parameters\('productsDatabaseUrl'\)\]/i,
    );
  });
  // Its connection string names where telemetry goes, and lets nobody in.
  expect(deployment.the('Microsoft.Insights/components').properties.DisableLocalAuth).toBe(true);
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
  '2b629674-e913-4c01-ae53-ef4638d8f975': 'Azure Event Hubs Data Sender',
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

/** Each identity has the roles that it needs, and none beside, by roles alone. */
export function checkRoles(deployment: Deployment, others: readonly string[]): void {
  const { enableRbacAuthorization, accessPolicies } = deployment.the('Microsoft.KeyVault/vaults').properties;
  expect({ enableRbacAuthorization, accessPolicies }).toEqual({ enableRbacAuthorization: true });
  expect(rolesOf(deployment)).toEqual([...APP_ROLES, ...others].toSorted());
}

/** What is said in the template that is sent to Azure: parameters of modules and outputs are kept in its history. */
export function checkTemplateSecrets(template: Template, path = 'main'): void {
  const secure = Object.entries(template.parameters ?? {})
    .filter(([, { type }]) => /^secure/i.test(type))
    .map(([name]) => name);
  const showsOne = (text: string): boolean =>
    /\blist\w+\(/i.test(text) ||
    secure.some((name) =>
      text.replaceAll(`empty(parameters('${name}'))`, '').includes(`parameters('${name}')`),
    );
  eachString(template.outputs, (text, name) => {
    expect(showsOne(text), `${path}, output ${name}`).toBe(false);
  });
  for (const resource of Object.values(template.resources)) {
    if (resource.type !== 'Microsoft.Resources/deployments') continue;
    const { template: module, parameters } = resource.properties as {
      template: Template;
      parameters: Record<string, unknown>;
    };
    for (const [name, value] of Object.entries(parameters)) {
      eachString(value, (text) => {
        if (showsOne(text)) expect(module.parameters?.[name]?.type, `${path}, ${name}`).toMatch(/^secure/i);
      });
    }
    checkTemplateSecrets(module, `${path}/${resource.name}`);
  }
}
