import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bicep, findBicep } from '../../infra/check/bicep';
import { type BicepServer, startBicepServer } from './bicepServer';

export interface Resource {
  id: string;
  type: string;
  name: string;
  properties: any;
  [other: string]: any;
}

/** A deployment as Azure Resource Manager would make it: every expression is resolved that needs no Azure. */
export interface Deployment {
  resources: Resource[];
  outputs: Record<string, unknown>;
  of: (type: string) => Resource[];
  the: (type: string) => Resource;
}

/** A template of Azure Resource Manager, as `bicep build` gives it. */
export interface Template {
  parameters?: Record<string, { type: string }>;
  resources: Record<string, Resource> | Resource[];
  outputs?: Record<string, unknown>;
}

const PARAMETERS = 'test/infra/parameters';
const found = findBicep();
/** In CI these tests may not be skipped: there, what is missing is an error. */
if (typeof found === 'string' && process.env.CI)
  throw new Error(`The infrastructure cannot be tested: ${found}.`);
export const bicep: Bicep | undefined = typeof found === 'string' ? undefined : found;
export const WHY_SKIPPED = typeof found === 'string' ? ` (skipped: ${found})` : '';

/** What is changed in a copy of the project before it is evaluated. */
export interface Mutation {
  file: string;
  from: string | RegExp;
  to: string;
}

/** For all files of a worker. */
let server: BicepServer | undefined;
process.once('exit', () => server?.stop());

/** @throws Error with what the compiler said, when the deployment is refused */
export async function evaluate(parameters: string, ...mutations: Mutation[]): Promise<Deployment> {
  const text = await inCopy(mutations, (bicep, copy) =>
    bicep.snapshot(join(copy, PARAMETERS, `${parameters}.bicepparam`)),
  );
  const snapshot = JSON.parse(text) as { predictedResources: Resource[]; outputs: Record<string, unknown> };
  const resources = snapshot.predictedResources;
  const of = (type: string): Resource[] => resources.filter((resource) => resource.type === type);
  return {
    resources,
    outputs: snapshot.outputs,
    of,
    the: (type) => {
      const [one, another] = of(type);
      if (!one || another) throw new Error(`${of(type).length} resources of type ${type}, not one`);
      return one;
    },
  };
}

const unchanged = new Map<string, Promise<Deployment>>();

/** A parameter set as it stands, evaluated once. */
export function evaluated(parameters: string): Promise<Deployment> {
  const deployment = unchanged.get(parameters) ?? evaluate(parameters);
  unchanged.set(parameters, deployment);
  return deployment;
}

/** The template that is sent to Azure, with its modules in it. */
export async function compile(...mutations: Mutation[]): Promise<Template> {
  const text = await inCopy(mutations, (bicep, copy) => bicep.compile(join(copy, 'infra', 'main.bicep')));
  return JSON.parse(text) as Template;
}

async function inCopy(
  mutations: readonly Mutation[],
  work: (bicep: BicepServer, copy: string) => Promise<string>,
): Promise<string> {
  if (!bicep) throw new Error('no bicep');
  server ??= startBicepServer(bicep.file);
  const copy = mkdtempSync(join(tmpdir(), 'hubfront-infra-'));
  try {
    cpSync('infra', join(copy, 'infra'), { recursive: true });
    cpSync(PARAMETERS, join(copy, PARAMETERS), { recursive: true });
    for (const { file, from, to } of mutations) {
      const path = join(copy, file);
      const before = readFileSync(path, 'utf8');
      const after = before.replace(from, to);
      if (after === before) throw new Error(`${file} has nothing of ${String(from)} any more`);
      writeFileSync(path, after);
    }
    return await work(server, copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Calls `visit` with every string in a value, and the names that lead to it. */
export function eachString(
  value: unknown,
  visit: (text: string, path: string) => void,
  path: readonly string[] = [],
): void {
  if (typeof value === 'string') visit(value, path.join('.'));
  else if (value !== null && typeof value === 'object') {
    for (const [name, inner] of Object.entries(value)) eachString(inner, visit, [...path, name]);
  }
}
