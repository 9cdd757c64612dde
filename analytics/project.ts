/** Reads the files of a Stream Analytics project. */

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import type { FunctionScripts } from './functions';

/** A Stream Analytics project, as the tools for Visual Studio Code and Visual Studio keep it. */
export interface Project {
  /** the query, absolute */
  queryFile: string;
  functions: FunctionScripts;
  /** settings of the job, absolute; undefined: JobConfig.json beside the query */
  jobConfigFile: string | undefined;
  /** sample data of inputs */
  mocks: readonly InputMock[];
}

export interface InputMock {
  alias: string;
  kind: 'stream' | 'reference';
  /** absolute */
  file: string;
}

const PROJECT_FILE = 'asaproj.json';
const FUNCTION_FOLDER = 'Functions';

/** Anything wrong with the files of a project, by file. */
export class ProjectError extends Error {}

const projectSchema = z.object({
  startFile: z.string(),
  configurations: z.array(z.object({ filePath: z.string(), subType: z.string() })).default([]),
});

/** Names of fields differ between versions of the tools. */
export const inputMockSchema = z
  .object({
    InputAlias: z.string().optional(),
    Name: z.string().optional(),
    Type: z.string().default('Data Stream'),
    FilePath: z.string(),
  })
  .transform(({ InputAlias, Name, Type, FilePath }) => ({
    alias: InputAlias ?? Name ?? '',
    kind: /reference/i.test(Type) ? ('reference' as const) : ('stream' as const),
    path: FilePath,
  }));

/** Paths of projects may have been written on Windows. */
export const projectPath = (folder: string, path: string): string =>
  resolve(folder, path.replaceAll('\\', '/'));

/** @throws {ProjectError} naming the file */
export function readJsonFile<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ProjectError(`${file} ${missing ? 'does not exist' : 'is not valid JSON'}`);
  }
  const read = schema.safeParse(content);
  if (read.success) return read.data;
  const problems = read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  throw new ProjectError(`${file}: ${problems.join('; ')}`);
}

interface Configuration {
  filePath: string;
  subType: string;
}

/** `asaproj.json`, or `<name>.asaproj` of Visual Studio. @throws {ProjectError} */
export function readProject(projectFile: string): Project {
  const folder = dirname(resolve(projectFile));
  const { startFile, configurations } = projectFile.endsWith('.json')
    ? readJsonFile(projectFile, projectSchema)
    : readVisualStudioProject(projectFile);
  const functions = new Map<string, string>();
  const mocks: InputMock[] = [];
  let jobConfigFile: string | undefined;
  for (const { filePath, subType } of configurations) {
    const file = projectPath(folder, filePath);
    if (/^(JSFunction|JSFunctionConfig|JSUDA|JavaScript)/i.test(subType)) {
      const script = file.replace(/\.js\.json$/i, '.js').replace(/\.json$/i, '.js');
      functions.set(basename(script, '.js'), readScript(script));
    }
    if (subType === 'JobConfig') jobConfigFile = file;
    // Samples are often not checked in. A test case that needs one says so.
    if (subType === 'InputMock' && existsSync(file)) {
      const { path, ...mock } = readJsonFile(file, inputMockSchema);
      mocks.push({ ...mock, file: projectPath(dirname(file), path) });
    }
  }
  for (const [name, script] of scriptsBeside(folder)) if (!functions.has(name)) functions.set(name, script);
  return { queryFile: projectPath(folder, startFile), functions, jobConfigFile, mocks };
}

/** The few elements of MSBuild that matter here. */
function readVisualStudioProject(file: string): { startFile: string; configurations: Configuration[] } {
  let xml: string;
  try {
    xml = readFileSync(file, 'utf8');
  } catch {
    throw new ProjectError(`${file} does not exist`);
  }
  const attribute = (element: string): string | undefined =>
    new RegExp(`<${element}\\s+Include="([^"]+)"`).exec(xml)?.[1];
  const startFile = attribute('Script') ?? /<StartFile>([^<]+)<\/StartFile>/.exec(xml)?.[1];
  if (startFile === undefined) throw new ProjectError(`${file} names no script`);
  const configurations = [
    ...xml.matchAll(/<Configure\s+Include="([^"]+)"\s*>[\s\S]*?<SubType>([^<]+)<\/SubType>/g),
  ].map(([, filePath = '', subType = '']) => ({ filePath, subType }));
  return { startFile, configurations };
}

/** Scripts of the functions of a query: those of `asaproj.json` beside it, or in the folder `Functions`. @throws {ProjectError} */
export function readFunctions(queryFile: string): FunctionScripts {
  const folder = dirname(resolve(queryFile));
  const project = join(folder, PROJECT_FILE);
  return existsSync(project) ? readProject(project).functions : scriptsBeside(folder);
}

function scriptsBeside(folder: string): Map<string, string> {
  const functions = join(folder, FUNCTION_FOLDER);
  if (!existsSync(functions)) return new Map();
  const scripts = readdirSync(functions).filter((file) => file.endsWith('.js'));
  return new Map(scripts.map((file) => [basename(file, '.js'), readScript(join(functions, file))]));
}

function readScript(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ProjectError(`the script ${file} cannot be read`);
  }
}
