// @module-tag full

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as accessChecks from './accessChecks';
import * as factChecks from './factChecks';
import { type Mistake, objection } from './mistakes';
import { QUERY_FILE, readQuery } from './query';
import { type Deployment, WHY_SKIPPED, bicep, evaluate } from './snapshot';

describe.skipIf(!bicep)(`the facts notice${WHY_SKIPPED}`, () => {
  const main = 'infra/main.bicep';
  // Facts: each value is Microsoft's, so a slip in a module is not repeated by its test.
  const wrongFacts: Mistake[] = [
    {
      what: 'a role id with a wrong digit',
      mutation: { file: 'infra/modules/roles.bicep', from: 'ef4638d8f975', to: 'ef4658d8f975' },
      check: factChecks.checkRoleIds,
      says: /2b629674-e913-4c01-ae53-ef4658d8f975/,
    },
    {
      what: 'the role that Microsoft demands for the job, replaced by a narrower one',
      mutation: {
        file: main,
        from: /(module jobOnSnapshots [^]*?)roleId: roles.storageBlobDataContributor/,
        to: '$1roleId: roles.keyVaultSecretsUser',
      },
      check: (deployment) => factChecks.checkNeededRoles(accessChecks.rolesOf(deployment)),
      says: /expected false to be true/,
    },
    {
      what: 'a metric that does not exist',
      mutation: {
        file: 'infra/modules/alerts.bicep',
        from: "metric: 'DeserializationError'",
        to: "metric: 'DeserializationErrors'",
      },
      check: factChecks.checkMetrics,
      says: /DeserializationErrors/,
    },
    {
      what: 'a threshold that Microsoft does not recommend',
      mutation: {
        file: 'infra/modules/alerts.bicep',
        from: /(metric: 'ResourceUtilization'[^}]*threshold: )80/,
        to: '$195',
      },
      check: factChecks.checkJobAlerts,
      says: /ResourceUtilization/,
    },
    {
      what: 'a log category that does not exist',
      mutation: { file: 'infra/modules/iotHub.bicep', from: "'DeviceTelemetry'", to: "'Telemetry'" },
      check: factChecks.checkLogCategories,
      says: /"Telemetry"|'Telemetry'/,
    },
    {
      what: 'a SKU that does not exist',
      mutation: { file: 'infra/modules/functionApp.bicep', from: "name: 'FC1'", to: "name: 'FC2'" },
      check: factChecks.checkSkus,
      says: /FC2/,
    },
    {
      what: 'a quota that is not that of the SKU',
      mutation: { file: main, from: 'S2: 6000000', to: 'S2: 600000' },
      check: factChecks.checkLimits,
      says: /"expected":4800000/,
    },
    {
      what: 'a setting whose name the host does not know',
      mutation: {
        file: main,
        from: 'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT:',
        to: 'FUNCTIONS_BODY_SIZE_LIMIT:',
      },
      check: factChecks.checkPlatformSettings,
      says: /NaN/,
    },
  ];

  describe('a wrong value of a fact:', () => {
    let deployment: Deployment;
    beforeAll(async () => {
      deployment = await evaluate('everything', ...wrongFacts.map(({ mutation }) => mutation));
    });
    it.each(wrongFacts)('$what', ({ check, says }) => {
      expect(objection(check, deployment)).toMatch(says);
    });

    it('an API version that Microsoft never published', () => {
      const folder = mkdtempSync(join(tmpdir(), 'hubfront-versions-'));
      try {
        cpSync('infra', folder, { recursive: true });
        const file = join(folder, 'modules/iotHub.bicep');
        writeFileSync(file, readFileSync(file, 'utf8').replace('IotHubs@2023-06-30', 'IotHubs@2023-06-31'));
        expect(() => factChecks.checkApiVersions(folder)).toThrow(/2023-06-31/);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it('a region without Flex Consumption', () => {
      const text = readFileSync(main, 'utf8').replace("  'westeurope'\n", "  'westeurope'\n  'atlantis'\n");
      expect(() => factChecks.checkRegions(text)).toThrow(/atlantis/);
    });

    it('a text that a push dataset does not take', () => {
      const query = readFileSync(QUERY_FILE, 'utf8').replace(
        'max)), 1, 4000) AS event,',
        'max)), 1, 40000) AS event,',
      );
      const types = Object.values(readQuery(query).outputs).flat();
      expect(types.map(({ dataType }) => dataType).join()).toMatch(/may be longer than 4000 characters/);
    });
  });
});
