/** Reads the files of a Stream Analytics project. */

import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import type { FunctionScripts } from './functions';
import { type LocalInput, localInput, localInputSchema } from './localInput';
import { ProjectError, projectPath, readJsonFile, readProjectText } from './projectFiles';

/** What belongs to a query. */
export interface QueryParts {
  functions: FunctionScripts;
  /** settings of the job, absolute; undefined: JobConfig.json beside the query */
  jobConfigFile: string | undefined;
  localInputs: readonly LocalInput[];
}

/** A Stream Analytics project, as the tools for Visual Studio Code and Visual Studio keep it. */
export interface Project extends QueryParts {
  /** the query, absolute */
  queryFile: string;
}

const PROJECT_FILE = 'asaproj.json';
const FUNCTION_FOLDER = 'Functions';

const projectSchema = z.object({
  startFile: z.string(),
  configurations: z.array(z.object({ filePath: z.string(), subType: z.string() })).default([]),
});

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
  const localInputs: LocalInput[] = [];
  let jobConfigFile: string | undefined;
  for (const { filePath, subType } of configurations) {
    const file = projectPath(folder, filePath);
    if (/^(JSFunction|JSFunctionConfig|JSUDA|JavaScript)/i.test(subType)) {
      const script = scriptOf(file);
      functions.set(basename(script, '.js'), readProjectText(script));
    }
    if (subType === 'JobConfig') jobConfigFile = file;
    // Samples are often not checked in. A run that needs one says so.
    if (subType === 'InputMock' && existsSync(file))
      localInputs.push(localInput(readJsonFile(file, localInputSchema), file));
  }
  for (const [name, script] of scriptsBeside(folder)) if (!functions.has(name)) functions.set(name, script);
  return { queryFile: projectPath(folder, startFile), functions, jobConfigFile, localInputs };
}

/** The script that the definition of a function belongs to. */
const scriptOf = (file: string): string => file.replace(/\.js\.json$/i, '.js').replace(/\.json$/i, '.js');

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** A path of MSBuild, which writes some characters as `%28`, in XML. */
const msBuildPath = (xml: string): string =>
  xml
    .replaceAll(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? '')
    .replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));

/** The few elements of MSBuild that matter here. */
function readVisualStudioProject(file: string): { startFile: string; configurations: Configuration[] } {
  const xml = readProjectText(file).replaceAll(/<!--[\s\S]*?-->/g, '');
  const [, script] =
    /<Script\s+Include="([^"]+)"/.exec(xml) ?? /<StartFile>([^<]+)<\/StartFile>/.exec(xml) ?? [];
  if (script === undefined) throw new ProjectError(`${file} names no script`);
  const configurations = [
    ...xml.matchAll(/<Configure\s+Include="([^"]+)"\s*>[\s\S]*?<SubType>([^<]+)<\/SubType>/g),
  ].map(([, path = '', subType = '']) => ({ filePath: msBuildPath(path), subType }));
  return { startFile: msBuildPath(script), configurations };
}

/** What belongs to a query: the parts of `asaproj.json` beside it, or the scripts in the folder `Functions`. @throws {ProjectError} */
export function partsOf(queryFile: string): QueryParts {
  const folder = dirname(resolve(queryFile));
  const project = join(folder, PROJECT_FILE);
  return existsSync(project)
    ? readProject(project)
    : { functions: scriptsBeside(folder), jobConfigFile: undefined, localInputs: [] };
}

/**
 * The files that {@link partsOf} reads, and those of the local inputs, whether they exist or not: `asaproj.json`, what it
 * names, and the scripts in the folder `Functions`, as `*.js`. Of files that cannot be read, nothing further.
 */
export function filesOfParts(queryFile: string): string[] {
  const folder = dirname(resolve(queryFile));
  const project = join(folder, PROJECT_FILE);
  const files = [project, join(folder, FUNCTION_FOLDER, '*.js')];
  const addNamed = (work: () => string[]): void => {
    try {
      files.push(...work());
    } catch (error) {
      // The run tells what is wrong with the file.
      if (!(error instanceof ProjectError)) throw error;
    }
  };
  const localFile = (file: string): string[] => [localInput(readJsonFile(file, localInputSchema), file).file];
  addNamed(() => {
    const { configurations } = readJsonFile(project, projectSchema);
    return configurations.flatMap(({ filePath, subType }) => {
      const file = projectPath(folder, filePath);
      if (subType === 'InputMock') addNamed(() => localFile(file));
      return [file, scriptOf(file)];
    });
  });
  return files;
}

function scriptsBeside(folder: string): Map<string, string> {
  const functions = join(folder, FUNCTION_FOLDER);
  if (!existsSync(functions)) return new Map();
  const scripts = readdirSync(functions).filter((file) => file.endsWith('.js'));
  return new Map(scripts.map((file) => [basename(file, '.js'), readProjectText(join(functions, file))]));
}
