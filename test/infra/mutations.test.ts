// @module-tag full

import { beforeAll, describe, expect, it } from 'vitest';
import * as accessChecks from './accessChecks';
import * as checks from './checks';
import { type Mistake, objection } from './mistakes';
import { SETS } from './parameterSets';
import { type Deployment, WHY_SKIPPED, bicep, compile, evaluate } from './snapshot';

describe.skipIf(!bicep)(`the checks notice${WHY_SKIPPED}`, () => {
  const main = 'infra/main.bicep';
  const checkRoles = (deployment: Deployment): void =>
    accessChecks.checkRoles(deployment, SETS[0]?.roles ?? []);

  it.each([
    [
      'a secret in an output',
      'output KEEP_ALIVE_ENABLED bool',
      '#disable-next-line outputs-should-not-contain-secrets\noutput DATABASE string = productsDatabaseUrl\noutput KEEP_ALIVE_ENABLED bool',
      /main, output DATABASE/,
    ],
    [
      'a secret in a parameter of a module that is kept in plain text',
      /PRODUCTS_QUERY: .*/,
      "PRODUCTS_QUERY: '${productsQuery}${productsDatabaseUrl}'",
      /main, settings/,
    ],
  ])('%s', async (_what, from, to, says) => {
    const template = await compile({ file: main, from, to });
    expect(() => accessChecks.checkTemplateSecrets(template)).toThrow(says);
  });

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
        says: /"actual":\["IOTHUB_EVENTHUB_CONNECTION"[,\]]/,
      },
      {
        what: 'a wider role',
        mutation: {
          file: main,
          from: /(module jobOnSnapshots [^]*?)roleId: roles.storageBlobDataContributor/,
          to: '$1roleId: roles.storageBlobDataOwner',
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
        check: accessChecks.checkSecrets,
        says: /KEEP_ALIVE_FUNCTION_KEY is no Key Vault reference/,
      },
      {
        what: 'origins that the platform does not know',
        mutation: {
          file: main,
          from: 'CORS_ALLOWED_ORIGINS: string(checkedOrigins)',
          to: "CORS_ALLOWED_ORIGINS: '*'",
        },
        check: checks.checkCors,
        says: /expected '\*' to be '\["https:\/\/shop.example"\]'/,
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
        what: 'origins that the Functions host cannot read',
        mutation: {
          file: main,
          from: 'CORS_ALLOWED_ORIGINS: string(checkedOrigins)',
          to: "CORS_ALLOWED_ORIGINS: join(checkedOrigins, ',')",
        },
        check: checks.checkCors,
        says: /expected 'https:\/\/shop.example' to be '\["https:\/\/shop.example"\]'/,
      },
      {
        what: 'a role that nobody needs',
        mutation: {
          file: 'infra/modules/keyVault.bicep',
          from: 'output id string',
          to: `resource more 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, 'more')
  properties: {
    principalId: readerPrincipalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7')
  }
}
output id string`,
        },
        check: checkRoles,
        says: /app: b86a8fe4-44ce-4948-aee5-eccb2c155cd7 on KeyVault/,
      },
      {
        what: 'snapshots where the job does not look',
        mutation: { file: 'infra/modules/streamAnalytics.bicep', from: "'yyyy-MM-dd'", to: "'yyyy/MM/dd'" },
        check: checks.checkJob,
        says: /2026\/03\/04/,
      },
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
        says: /job: Storage Blob Data Contributor on Storage\/storageAccounts\/stproducts\*"/,
      },
      {
        what: 'a connection string in an app setting',
        mutation: {
          file: main,
          from: /PRODUCTS_QUERY: .*/,
          to: "PRODUCTS_QUERY: 'postgres://reader:pass@db.example/${productsQuery}'",
        },
        check: accessChecks.checkSecrets,
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
        check: accessChecks.checkSecrets,
        says: /PRODUCTS_QUERY: expected '\[.*listKeys/,
      },
      {
        what: 'another compatibility level',
        mutation: {
          file: 'infra/modules/streamAnalytics.bicep',
          from: "compatibilityLevel: '1.2'",
          to: "compatibilityLevel: '1.1'",
        },
        check: checks.checkJob,
        says: /"1\.1"/,
      },
      {
        what: 'an app setting with which the app could do without',
        mutation: { file: main, from: /^ *PRODUCTS_STORAGE__blobServiceUri: .*\n/m, to: '' },
        check: checks.checkSettings,
        says: /not set.*"PRODUCTS_STORAGE__blobServiceUri"/s,
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
    beforeAll(async () => {
      deployment = await evaluate('default', ...mistakes.map(({ mutation }) => mutation));
    });
    it.each(mistakes)('$what', ({ check, says }) => {
      expect(objection(check, deployment)).toMatch(says);
    });
  });
});
