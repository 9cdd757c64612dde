import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { WHY_SKIPPED, bicep, evaluate, evaluated } from '../snapshot';

describe.skipIf(!bicep)(`a deployment with every option${WHY_SKIPPED}`, { tags: 'full' }, () => {
  it('has no alert that docs/operating.md does not explain, and the page names no other', async () => {
    const { of } = await evaluated('everything');
    const alerts = ['metricAlerts', 'scheduledQueryRules', 'activityLogAlerts'].flatMap((type) =>
      of(`Microsoft.Insights/${type}`).map(({ name }) => name),
    );
    const rows = [...readFileSync('docs/operating.md', 'utf8').matchAll(/^\| `([a-z]+-[a-z-]+)`/gm)];
    expect(rows.map(([, name]) => name).toSorted()).toEqual(alerts.toSorted());
  });

  it('has no alerts about workers where they are switched off', async () => {
    const { of } = await evaluate('default', {
      file: 'test/infra/parameters/default.bicepparam',
      from: "'https://shop.example'",
      to: "'https://shop.example'\nparam feedAlerts = false",
    });
    const names = ['metricAlerts', 'scheduledQueryRules'].flatMap((type) =>
      of(`Microsoft.Insights/${type}`).map(({ name }) => name),
    );
    expect(names.filter((name) => name.startsWith('feed'))).toEqual([]);
    expect(names).toContain('function-failures');
  });

  it('puts Front Door before the app, which admits nobody else, and gives it a fixed address outwards', async () => {
    const { the, of } = await evaluated('everything');
    const site = the('Microsoft.Web/sites').properties.siteConfig;
    expect(site.ipSecurityRestrictionsDefaultAction).toBe('Deny');
    expect(site.ipSecurityRestrictions).toMatchObject([
      {
        action: 'Allow',
        tag: 'ServiceTag',
        ipAddress: 'AzureFrontDoor.Backend',
        headers: { 'x-azure-fdid': [expect.stringContaining('frontDoorProfile')] },
      },
    ]);
    const [rule] = the('Microsoft.Network/FrontDoorWebApplicationFirewallPolicies').properties.customRules
      .rules;
    expect(rule).toMatchObject({ ruleType: 'RateLimitRule', rateLimitThreshold: 120, action: 'Block' });
    expect(rule.matchConditions).toMatchObject([
      { matchValue: ['/api/messages'], transforms: ['UrlDecode', 'Lowercase'] },
    ]);
    const [functions] = the('Microsoft.Network/virtualNetworks').properties.subnets;
    expect(JSON.stringify(functions.properties.natGateway)).toContain('outbound-');
    expect(of('Microsoft.Network/natGateways')).toHaveLength(1);
    const { of: byDefault, the: theDefault } = await evaluated('default');
    expect(byDefault('Microsoft.Cdn/profiles')).toEqual([]);
    expect(byDefault('Microsoft.Network/virtualNetworks')).toEqual([]);
    expect(theDefault('Microsoft.Web/sites').properties.siteConfig).toMatchObject({
      ipSecurityRestrictionsDefaultAction: 'Allow',
      ipSecurityRestrictions: [],
    });
  });

  it('keeps data in several zones and in the paired region, recovers its vault and keeps deleted blobs longer', async () => {
    const { the, of } = await evaluated('everything');
    expect(the('Microsoft.Web/serverfarms').properties.zoneRedundant).toBe(true);
    expect(of('Microsoft.Storage/storageAccounts').map(({ sku }) => sku.name)).toEqual([
      'Standard_GZRS',
      'Standard_GZRS',
    ]);
    expect(the('Microsoft.KeyVault/vaults').properties.createMode).toBe('recover');
    for (const { properties } of of('Microsoft.Storage/storageAccounts/blobServices')) {
      expect(properties.deleteRetentionPolicy).toEqual({ enabled: true, days: 30 });
    }
    const byDefault = await evaluated('default');
    expect(byDefault.the('Microsoft.Web/serverfarms').properties.zoneRedundant).toBe(false);
    expect(byDefault.the('Microsoft.KeyVault/vaults').properties.createMode).toBe('default');
  });
});
