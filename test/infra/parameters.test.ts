import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Set by azd itself. */
const OF_AZD = ['AZURE_ENV_NAME', 'AZURE_LOCATION', 'AZURE_PRINCIPAL_ID'];
/** The present month, unless a test says otherwise. */
const NOT_ASKED_FOR = ['budgetStartDate'];

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

it('every one of them is in the table of infra/README.md', () => {
  const readme = readFileSync('infra/README.md', 'utf8');
  for (const { value } of Object.values(parameters)) {
    const variable = /[A-Z0-9_]+/.exec(value)?.[0] ?? '';
    if (!OF_AZD.includes(variable)) expect(readme).toMatch(new RegExp(`^\\| \`${variable}\` `, 'm'));
  }
});
