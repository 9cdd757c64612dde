import { expect } from 'vitest';
import { settingsOf } from './checks';
import { ROLES } from './factChecks';
import { type Deployment, type Template, eachString } from './snapshot';

const SECRET_IN_TEXT = [
  /SharedAccessKey=(?!\{\d+\})[^;\s]+/i,
  /AccountKey=/i,
  /:\/\/[^/\s:]+:[^@\s/]+@/, // a password in a URL
  /sig=[\w%]{20,}/,
  /test-password/,
];
const SECRET_NAME = /(?:^|[._])(?:value|\w*key|\w*secret|\w*password|\w*connection|\w*_url)$/i;
/** Addresses, which let nobody in. */
const PUBLIC_NAME = /^(?:APPLICATIONINSIGHTS_\w+|AZURE_MONITOR_METRICS_URL)$/;
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
    if (!SECRET_NAME.test(name) || PUBLIC_NAME.test(name)) continue;
    const given = /^\[if\(empty\(.+\), '', format\('\{0\}[\w-]+\)', variables\('secretReference'\)\)\)\]$/;
    expect(
      value === '' || REFERENCE.test(value) || given.test(value),
      `${name} is no Key Vault reference`,
    ).toBe(true);
  }
}

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
      const assigned =
        /^(?:\[extensionResourceId\(')?(\/subscriptions\/[^']*?)(?:\/providers\/Microsoft\.Authorization\/|')/;
      const scope = assigned.exec(id)?.[1]?.split('/providers/').at(-1) ?? id;
      const where = scope.replace(/[a-z0-9]{13}(?=\/|$)/, '*').replace(/^Microsoft\./, '');
      return `${who}: ${ROLES.find(({ id: known }) => known === role)?.name ?? role} on ${where}`;
    })
    .toSorted();
}

const APP_ROLES = [
  'app: Key Vault Secrets User on KeyVault/vaults/kv-*',
  'app: Monitoring Metrics Publisher on Insights/components/appi-*',
  'app: Monitoring Metrics Publisher on Web/sites/func-*',
  'app: Storage Blob Data Contributor on Storage/storageAccounts/stproducts*/blobServices/default/containers/reference',
  'app: Storage Blob Data Owner on Storage/storageAccounts/sthost*',
  'job: Storage Blob Data Contributor on Storage/storageAccounts/stproducts*/blobServices/default/containers/reference',
];

/** Each identity has the roles that it needs, and none beside, by roles alone. */
export function checkRoles(deployment: Deployment, others: readonly string[]): void {
  const { enableRbacAuthorization, accessPolicies } = deployment.the('Microsoft.KeyVault/vaults').properties;
  expect({ enableRbacAuthorization, accessPolicies }).toEqual({ enableRbacAuthorization: true });
  expect(rolesOf(deployment)).toEqual([...APP_ROLES, ...others].toSorted());
}

/**
 * Each assignment's name is made of its scope, principal and role: an identity that is made again gets an assignment of
 * its own. With the old name, Azure would reject the change of its principal (RoleAssignmentUpdateNotPermitted).
 */
export function checkAssignmentNames(deployment: Deployment): void {
  const assignments = deployment.of('Microsoft.Authorization/roleAssignments');
  const names = assignments.map(({ id, properties }) => {
    const principal = String(properties.principalId).replace(/^\[|\]$/g, '');
    const role = String(properties.roleDefinitionId).split('/').at(-1) ?? '';
    const guid = id.split('Microsoft.Authorization/roleAssignments').at(-1) ?? '';
    // A principal that is known beforehand is in the name's hash already.
    if (guid.includes('guid(')) {
      expect(guid).toContain(principal);
      expect(guid).toContain(role);
    } else expect(principal).toMatch(/^[0-9a-f-]{36}$/);
    return id;
  });
  expect(new Set(names).size).toBe(names.length);
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
