import { readFileSync, readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { rolesOf } from '../accessChecks';
import * as checks from '../factChecks';
import { facts, limit } from '../factFiles';
import { SETS } from '../parameterSets';
import { readQuery } from '../query';
import { type Deployment, WHY_SKIPPED, bicep, evaluated } from '../snapshot';

/** Facts come from Microsoft's documentation, not from our modules: see facts/README.md. */
describe('the facts', () => {
  it('name the page or file of Microsoft that each comes from', () => {
    for (const file of readdirSync('test/infra/facts').filter((name) => name.endsWith('.json'))) {
      const content = facts(file.slice(0, -'.json'.length));
      const entries = Array.isArray(content) ? content : [content];
      for (const entry of entries) {
        const sources = 'source' in entry ? [entry] : Object.values(entry);
        for (const { source } of sources as { source: string }[]) {
          expect(source, file).toMatch(
            /^https:\/\/(?:github\.com\/(?:MicrosoftDocs|Azure|Azure-Samples)\/|learn\.microsoft\.com\/)/,
          );
        }
      }
    }
  });

  it('hold for the API versions and the regions of the modules', () => {
    checks.checkApiVersions();
    checks.checkRegions(readFileSync('infra/main.bicep', 'utf8'));
  });

  it('hold for every role that the modules know', () => {
    const ids = [...readFileSync('infra/modules/roles.bicep', 'utf8').matchAll(/^ {2}(\w+): '(.*)'$/gm)];
    expect(ids.length).toBe(checks.ROLES.length);
    for (const [, name = '', id] of ids) {
      const plain = (text: string): string =>
        text
          .toLowerCase()
          .replaceAll(' ', '')
          .replace(/^azure/, '');
      expect(id, name).toBe(checks.ROLES.find((role) => plain(role.name) === name.toLowerCase())?.id);
    }
  });

  it('hold for what the query writes to Power BI', () => {
    for (const [output, columns] of Object.entries(readQuery().outputs)) {
      expect(columns.length).toBeLessThanOrEqual(Number(limit('Power BI push dataset', 'columns').max));
      for (const { name, dataType } of columns) {
        expect(['Int64', 'Double', 'String', 'DateTime'], `${output}.${name}`).toContain(dataType);
      }
    }
  });

  it('are in the documentation, beside the plan sizes', () => {
    const page = readFileSync('docs/deploying.md', 'utf8');
    const shown = ['characters per value', 'rows an hour', 'POST requests a minute'].map((what) =>
      Number(limit('Power BI push dataset', what).max).toLocaleString('en-US'),
    );
    for (const value of shown) expect(page).toContain(value);
  });
});

describe.skipIf(!bicep)(`the facts in the evaluated deployment${WHY_SKIPPED}`, { tags: 'full' }, () => {
  describe.each(SETS)('$name', ({ name }) => {
    let deployment: Deployment;
    beforeAll(async () => {
      deployment = await evaluated(name);
    });
    it('roles exist', () => checks.checkRoleIds(deployment));
    it('roles are those that Microsoft’s pages demand', () => checks.checkNeededRoles(rolesOf(deployment)));
    it('metrics exist, with their aggregation', () => checks.checkMetrics(deployment));
    it('the job is watched as Microsoft recommends', () => checks.checkJobAlerts(deployment));
    it('log categories exist', () => checks.checkLogCategories(deployment));
    it('SKUs exist', () => checks.checkSkus(deployment));
    it('limits are kept', () => checks.checkLimits(deployment));
    it('settings of the platform have their documented names and forms', () =>
      checks.checkPlatformSettings(deployment));
    it('the workbook charts metrics that exist', () =>
      checks.checkWorkbookMetrics(deployment.the('Microsoft.Insights/workbooks')));
  });
});
