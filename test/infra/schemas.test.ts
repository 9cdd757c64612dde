import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type AnySchemaObject, type ErrorObject } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const SCHEMAS = 'test/infra/schemas';
const schemas: AnySchemaObject[] = readdirSync(SCHEMAS)
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(join(SCHEMAS, file), 'utf8')));

const isDraft2019 = ({ $schema }: AnySchemaObject): boolean => String($schema).includes('2019-09');
/** Published schemas use keywords of their editors, which a strict validator rejects. */
const OPTIONS = { strict: false, allErrors: true };
const draft07 = new Ajv(OPTIONS);
const draft2019 = new Ajv2019(OPTIONS);
for (const validator of [draft07, draft2019]) addFormats(validator);
for (const schema of schemas) (isDraft2019(schema) ? draft2019 : draft07).addSchema(schema);
// Microsoft refers to this one by the name of its file, which its own id lacks.
for (const schema of schemas.filter(({ $id }) => String($id).endsWith('/schema.embedded.json'))) {
  draft07.addSchema({ ...schema, $id: String(schema.$id).replace('schema.embedded', 'schema-embedded') });
}
// azd's schema refers to those of its AI extensions, which no service here uses.
const extensions = new Set(
  JSON.stringify(schemas.filter(isDraft2019)).match(/https:[^"]+\/cli\/azd\/extensions\/[^"]+\.json/g),
);
for (const $id of extensions) draft2019.addSchema({ $id });

/** What a published schema says against a document; empty: nothing. */
function violations(id: string, document: unknown): string[] {
  const validate = draft07.getSchema(id) ?? draft2019.getSchema(id);
  if (!validate) return [`there is no schema ${id}`];
  if (validate(document)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }: ErrorObject) =>
      `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
  );
}

const AZURE_YAML = 'https://raw.githubusercontent.com/Azure/azure-dev/main/schemas/v1.0/azure.yaml.json';
const HOST_JSON = 'https://json.schemastore.org/host.json';
const WORKFLOW = 'https://json.schemastore.org/github-workflow.json';

const read = (file: string): string => readFileSync(file, 'utf8');
const workflows = readdirSync('.github/workflows').map((file) => join('.github/workflows', file));
const powerBiFiles = readdirSync('infra/powerbi', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));

describe('the published JSON schemas', () => {
  it('azure.yaml', () => expect(violations(AZURE_YAML, parse(read('azure.yaml')))).toEqual([]));
  it('azure.yaml names that schema for editors', () =>
    expect(read('azure.yaml')).toContain(`# yaml-language-server: $schema=${AZURE_YAML}\n`));
  it('host.json', () => expect(violations(HOST_JSON, JSON.parse(read('host.json')))).toEqual([]));
  it.each(workflows)('%s', (file) => expect(violations(WORKFLOW, parse(read(file)))).toEqual([]));
  it.each(powerBiFiles)('%s', (file) => {
    const document = JSON.parse(read(file)) as { $schema: string };
    expect(violations(document.$schema, document)).toEqual([]);
  });

  it('cover all of them', () => {
    expect(workflows.length).toBeGreaterThan(1);
    expect(powerBiFiles.length).toBeGreaterThan(15);
  });

  const azureYaml = (): any => parse(read('azure.yaml'));
  const visual = (): any =>
    JSON.parse(
      read('infra/powerbi/product-events.Report/definition/pages/overview/visuals/events/visual.json'),
    );
  it.each([
    ['a hook that azd does not know', AZURE_YAML, { ...azureYaml(), hooks: { postship: { run: 'true' } } }],
    ['a missing name', AZURE_YAML, { ...azureYaml(), name: undefined }],
    ['a version of another type', AZURE_YAML, { ...azureYaml(), requiredVersions: { azd: 1 } }],
    ['a timeout of no time', HOST_JSON, { version: '2.0', functionTimeout: 5 }],
    ['a sampling switch of another type', HOST_JSON, { version: '2.0', logging: { logLevel: 7 } }],
    ['a step without anything to do', WORKFLOW, { on: 'push', jobs: { a: { 'runs-on': 'x', steps: [{}] } } }],
    ['a visual without a place', visual().$schema, { ...visual(), position: undefined }],
    ['a field of no kind', visual().$schema, { ...visual(), visual: { ...visual().visual, query: 7 } }],
  ])('would notice %s', (_what, id, document) => {
    expect(violations(id, JSON.parse(JSON.stringify(document)))).not.toEqual([]);
  });
});
