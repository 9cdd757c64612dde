/** Runs the test cases of a project. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { copyFile, mkdtemp, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import * as z from 'zod';
import { makeFolder } from './fileAccess';
import { runFiles } from './fileRun';
import { junitReport } from './junit';
import { requireOwnFiles } from './namedFiles';
import { type Plan, problemText, translate } from './query';
import {
  type Project,
  ProjectError,
  inputMockSchema,
  projectPath,
  readJsonFile,
  readProject,
} from './project';
import { differs, readRows } from './rows';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporaryFolders';
import type { CaseResult, OutputRecord, TestSummary } from './testSummary';
import { type TimePolicy, readTimePolicy } from './timePolicy';

/** The files of a run of tests, as azure-streamanalytics-cicd names them. */
export interface TestOptions {
  /** asaproj.json, or <name>.asaproj */
  project: string;
  /** test/testConfig.json beside the project, unless given */
  testConfigPath?: string | undefined;
  outputPath: string;
  /** bytes; by default, most of the machine's */
  memory?: number | undefined;
}

const TEST_CONFIG = join('test', 'testConfig.json');
const SUMMARY_FILE = 'testResultSummary.json';
const JUNIT_FILE = 'testResults.xml';

const expectedOutput = z.object({
  OutputAlias: z.string(),
  FilePath: z.string(),
  Required: z.boolean().default(true),
  IgnoreFields: z.array(z.string()).nullish(),
});
const testConfig = z.object({
  TestCases: z.array(
    z.object({
      Name: z.string(),
      Inputs: z
        .array(z.intersection(inputMockSchema, z.object({ Format: z.string().optional() })))
        .default([]),
      ExpectedOutputs: z.array(expectedOutput).default([]),
    }),
  ),
});
type TestCase = z.infer<typeof testConfig>['TestCases'][number];

/**
 * Runs the test cases of a project and writes `testResultSummary.json`, a JUnit report, and the rows of each case.
 *
 * @throws {ProjectError} when a file of the project is wrong
 * @throws {UsageError} when a setting of the job is wrong, or two outputs would have the same file
 * @throws {QueryError} when the query cannot be translated
 */
export async function testProject({
  project,
  testConfigPath,
  outputPath,
  memory,
}: TestOptions): Promise<TestSummary> {
  const began = performance.now();
  const found = readProject(project);
  const configFile = resolve(testConfigPath ?? join(dirname(project), TEST_CONFIG));
  const { TestCases } = readJsonFile(configFile, testConfig);
  if (!existsSync(found.queryFile)) throw new ProjectError(`${found.queryFile} does not exist`);
  const plan = translate(await readFile(found.queryFile, 'utf8'));
  requireOwnFiles(plan, caseOutputs(plan, outputPath));
  const policy = readTimePolicy(found.queryFile, found.jobConfigFile);
  makeFolder(outputPath);
  const results: CaseResult[] = [];
  for (const [i, one] of TestCases.entries())
    results.push(
      await runCase(one, i, {
        project: found,
        plan,
        policy,
        configFile,
        outputPath: resolve(outputPath),
        memory,
      }),
    );
  const passed = results.filter(({ Status }) => Status === 0).length;
  const summary: TestSummary = {
    Total: results.length,
    Passed: passed,
    Failed: results.length - passed,
    Script: found.queryFile,
    Results: results,
    Time: timeSpan(performance.now() - began),
  };
  writeFileSync(join(outputPath, SUMMARY_FILE), `${JSON.stringify(summary, null, 2)}\n`);
  writeFileSync(join(outputPath, JUNIT_FILE), junitReport(summary));
  return summary;
}

interface CaseContext {
  project: Project;
  plan: Plan;
  policy: TimePolicy;
  configFile: string;
  outputPath: string;
  memory: number | undefined;
}

async function runCase(one: TestCase, index: number, context: CaseContext): Promise<CaseResult> {
  const began = performance.now();
  const { plan, policy, project, configFile, outputPath, memory } = context;
  const folder = join(outputPath, fileName(`${index + 1} ${one.Name}`));
  const temporary = makeTemporaryFolder('asa-test-');
  const result: CaseResult = {
    Name: one.Name,
    Status: 1,
    OutputMatched: [],
    OutputNotEqual: [],
    OutputMissing: [],
    OutputUnexpected: [],
    OutputUnrequired: [],
    Time: '',
  };
  try {
    makeFolder(folder);
    const outputs = caseOutputs(plan, folder);
    const files = await inputFiles(one, context, temporary);
    await runFiles({ plan, policy, ...files, outputs, functions: project.functions, memory });
    compareOutputs(one, { plan, outputs, configFile }, result);
    const failed = [result.OutputNotEqual, result.OutputMissing, result.OutputUnexpected].some(
      (all) => all.length > 0,
    );
    result.Status = failed ? 1 : 0;
  } catch (error) {
    result.Error = problemText(project.queryFile, error);
  } finally {
    await removeTemporaryFolder(temporary);
  }
  result.Time = timeSpan(performance.now() - began);
  return result;
}

/** The files of a case's inputs; of an input that it does not name, the sample of the project. */
async function inputFiles(
  { Inputs }: TestCase,
  { plan, project, configFile }: CaseContext,
  temporary: string,
): Promise<{ inputs: Map<string, string[]>; references: Map<string, string[]> }> {
  const locate = async (name: string): Promise<string[]> => {
    const given = Inputs.filter(({ alias }) => alias.toLowerCase() === name.toLowerCase());
    const files = given.map(({ path, Format = '' }) => ({
      file: projectPath(dirname(configFile), path),
      Format,
    }));
    const mocks = project.mocks.filter(({ alias }) => alias.toLowerCase() === name.toLowerCase());
    const all = files.length > 0 ? files : mocks.map(({ file }) => ({ file, Format: '' }));
    if (all.length === 0) throw new ProjectError(`the test case gives no file for the input '${name}'`);
    return Promise.all(
      all.map(async ({ file, Format }, i) => {
        if (!existsSync(file)) throw new ProjectError(`${file} does not exist`);
        if (!/^csv$/i.test(Format) || /\.csv(\.gz)?$/i.test(file)) return file;
        const copy = join(await mkdtemp(join(temporary, 'input-')), `${fileName(name)}-${i}.csv`);
        await copyFile(file, copy);
        return copy;
      }),
    );
  };
  const located = async (names: readonly string[]): Promise<Map<string, string[]>> =>
    new Map(await Promise.all(names.map(async (name) => [name, await locate(name)] as const)));
  return {
    inputs: await located([...new Set(plan.sources.map(({ input }) => input))]),
    references: await located(plan.references.map(({ name }) => name)),
  };
}

function compareOutputs(
  { ExpectedOutputs }: TestCase,
  { plan, outputs, configFile }: { plan: Plan; outputs: ReadonlyMap<string, string>; configFile: string },
  result: CaseResult,
): void {
  const differences: string[] = [];
  const expected = new Set<string>();
  for (const { OutputAlias, FilePath, Required, IgnoreFields } of ExpectedOutputs) {
    expected.add(OutputAlias.toLowerCase());
    const output = plan.outputs.find(({ name }) => name.toLowerCase() === OutputAlias.toLowerCase());
    const ExpectedOutput = Required ? projectPath(dirname(configFile), FilePath) : FilePath;
    const Output = outputs.get(output?.table ?? '') ?? '';
    const record: OutputRecord = { OutputAlias, ExpectedOutput, Output };
    if (!Required) {
      result.OutputUnrequired.push(record);
      continue;
    }
    if (!existsSync(ExpectedOutput)) throw new ProjectError(`${ExpectedOutput} does not exist`);
    if (Output === '') {
      result.OutputMissing.push(record);
      continue;
    }
    const found = differs(readRows(ExpectedOutput), readRows(Output), IgnoreFields ?? []);
    (found.length > 0 ? result.OutputNotEqual : result.OutputMatched).push(record);
    differences.push(...found.map((line) => `${OutputAlias}: ${line}`));
  }
  for (const { name, table } of plan.outputs) {
    const file = outputs.get(table) ?? '';
    if (!expected.has(name.toLowerCase()) && readFileSync(file, 'utf8').trim() !== '')
      result.OutputUnexpected.push({ OutputAlias: name, ExpectedOutput: '', Output: file });
  }
  if (differences.length > 0) result.Differences = differences;
}

const fileName = (text: string): string => text.replaceAll(/[^\p{L}\p{M}\p{N}_. -]/gu, '_');

/** Where the rows of each output of a case go, by its table. */
const caseOutputs = ({ outputs }: Plan, folder: string): Map<string, string> =>
  new Map(outputs.map(({ name, table }) => [table, join(folder, `${fileName(name)}.json`)]));

/** As .NET writes a TimeSpan: hours, minutes, seconds and 100 ns. */
function timeSpan(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const fraction = String(Math.floor((ms % 1_000) * 10_000)).padStart(7, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}.${fraction}`;
}
