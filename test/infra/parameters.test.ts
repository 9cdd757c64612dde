import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** Set by azd itself. */
const OF_AZD = ['AZURE_ENV_NAME', 'AZURE_LOCATION', 'AZURE_PRINCIPAL_ID'];
/** Known to the deployment alone. */
const NOT_ASKED_FOR = ['thisMonth'];

const parameters: Record<string, { value: string }> = JSON.parse(
  readFileSync('infra/main.parameters.json', 'utf8'),
).parameters;
const declared = [
  ...readFileSync('infra/main.bicep', 'utf8').matchAll(/^param (\w+) \w+(?: = (?:'(.*)'|(.+)))?$/gm),
].map(([, name = '', text, other]) => ({ name, byDefault: text ?? other }));

it('every parameter of the deployment can be set in azd, and has one default', () => {
  expect(Object.keys(parameters)).toEqual(
    expect.arrayContaining(declared.map(({ name }) => name).filter((name) => !NOT_ASKED_FOR.includes(name))),
  );
  for (const [name, { value }] of Object.entries(parameters)) {
    const [, , byDefault] = /^\$\{([A-Z0-9_]+)(?:=(.*))?\}$/.exec(value) ?? [];
    expect(
      declared.find((one) => one.name === name),
      name,
    ).toEqual({ name, byDefault });
  }
});

it('every one of them is in the table of docs/deploying.md', () => {
  const page = readFileSync('docs/deploying.md', 'utf8');
  for (const { value } of Object.values(parameters)) {
    const variable = /[A-Z0-9_]+/.exec(value)?.[0] ?? '';
    if (!OF_AZD.includes(variable)) expect(page).toMatch(new RegExp(`^\\| \`${variable}\` `, 'm'));
  }
});

/** What azd keeps of a deployment on purpose: it cannot be changed. */
const KEPT = ['AZURE_LOCATION', 'BUDGET_START_DATE'];

it('no output takes the place of a parameter in azd, which puts its own environment before that of a pipeline', () => {
  const outputs = [...readFileSync('infra/main.bicep', 'utf8').matchAll(/^output (\w+) /gm)].map(
    ([, name]) => name,
  );
  const variables = Object.values(parameters).map(({ value }) => /[A-Z0-9_]+/.exec(value)?.[0]);
  expect(outputs.filter((name) => variables.includes(name))).toEqual(KEPT);
});

describe('the deployment from GitHub', () => {
  const workflow = readFileSync('.github/workflows/deploy.yml', 'utf8');
  const given = (kind: string): string[] =>
    [...workflow.matchAll(/^ +(\w+): \$\{\{ (\w+)\.(\w+) \}\}$/gm)].flatMap(([, name = '', from, source]) =>
      from === kind && source === name ? [name] : [],
    );
  const azureYaml = readFileSync('azure.yaml', 'utf8');

  it('is given every parameter, and what the hooks read beside them', () => {
    const secure = /@secure\(\)\n@description.*\nparam (\w+)/.exec(
      readFileSync('infra/main.bicep', 'utf8'),
    )?.[1];
    const variables = Object.entries(parameters)
      .filter(([name]) => name !== secure)
      .map(([, { value }]) => /[A-Z0-9_]+/.exec(value)?.[0] ?? '');
    const listed = [...(azureYaml.split(/^pipeline:$/m)[1] ?? '').matchAll(/^ +- (\w+)$/gm)].map(
      ([, name]) => name,
    );
    const ofAzd = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID'];
    expect(given('vars').toSorted()).toEqual(
      // azd knows who is logged in.
      [...ofAzd, ...variables.filter((name) => name !== 'AZURE_PRINCIPAL_ID'), ...listed].toSorted(),
    );
    expect(given('secrets')).toEqual(['PRODUCTS_DATABASE_URL']);
  });

  it('runs actions of a fixed commit, with no right but to read and to log in', () => {
    for (const file of ['deploy', 'test']) {
      const text = readFileSync(`.github/workflows/${file}.yml`, 'utf8');
      const actions = [...text.matchAll(/uses: (.*)$/gm)].map(([, action = '']) => action);
      expect(actions.length).toBeGreaterThan(1);
      for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      const rights = [...text.matchAll(/^ +([\w-]+): (read|write)$/gm)].map(([, right]) => right);
      expect(new Set(rights)).toEqual(new Set(file === 'deploy' ? ['id-token', 'contents'] : ['contents']));
    }
  });
});
