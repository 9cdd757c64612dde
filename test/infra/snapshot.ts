import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { type Bicep, findBicep } from '../../infra/check/bicep';

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

/** The compiler takes seconds, and on a busy machine many of them. */
vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

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

/** @throws Error with what the compiler said, when the deployment is refused */
export function evaluate(parameters: string, ...mutations: Mutation[]): Deployment {
  return inCopy(mutations, (bicep, copy) => {
    const { status, stderr, stdout } = bicep(
      'snapshot',
      join(copy, PARAMETERS, `${parameters}.bicepparam`),
      '--mode',
      'overwrite',
      '--subscription-id',
      '00000000-0000-0000-0000-000000000001',
      '--location',
      'westeurope',
    );
    if (status !== 0) throw new Error(stderr + stdout);
    const snapshot = JSON.parse(readFileSync(join(copy, PARAMETERS, `${parameters}.snapshot.json`), 'utf8'));
    const resources = snapshot.predictedResources as Resource[];
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
  });
}

/** The template that is sent to Azure, with its modules in it. */
export function compile(...mutations: Mutation[]): Template {
  return inCopy(mutations, (bicep, copy) => {
    const { status, stderr, stdout } = bicep('build', join(copy, 'infra', 'main.bicep'), '--stdout');
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Template;
  });
}

function inCopy<T>(mutations: readonly Mutation[], work: (bicep: Bicep, copy: string) => T): T {
  if (!bicep) throw new Error('no bicep');
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
    return work(bicep, copy);
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
