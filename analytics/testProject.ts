/** Runs the test cases of a project. */

import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import * as z from 'zod';
import { fileError, makeFolder, readText } from './fileAccess';
import { type FileRun, runFiles } from './fileRun';
import { junitReport } from './junit';
import { inputsOf, referencesOf, requireOwnFiles } from './namedFiles';
import { type Plan, problemText, translate } from './query';
import { type LocalInput, csvFiles, localInput, localInputSchema, localInputsOf } from './localInput';
import { type Project, readProject } from './project';
import { ProjectError, projectPath, readJsonFile } from './projectFiles';
import { differs, readRows } from './rows';
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

/** Characters of the name of a case's folder: file systems allow 255 bytes, and a character may take four. */
const MAX_FOLDER_NAME = 60;

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
      Inputs: z.array(localInputSchema).default([]),
      ExpectedOutputs: z.array(expectedOutput).default([]),
    }),
  ),
});
type TestCase = z.infer<typeof testConfig>['TestCases'][number];

/**
 * Removes the summary and the JUnit report of an earlier run. CI publishes whatever it finds: if this run fails before
 * its cases, or is killed, an earlier report would still tell that they passed.
 *
 * @throws {UsageError} if one cannot be removed
 */
export function removeResults(outputPath: string): void {
  for (const file of [SUMMARY_FILE, JUNIT_FILE].map((name) => join(outputPath, name)))
    try {
      if (existsSync(file)) unlinkSync(file);
    } catch (error) {
      throw fileError(file, error);
    }
}

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
  const [began, started] = [performance.now(), new Date()];
  const found = readProject(project);
  const configFile = resolve(testConfigPath ?? join(dirname(project), TEST_CONFIG));
  const { TestCases } = readJsonFile(configFile, testConfig);
  const plan = translate(await readText(found.queryFile));
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
  writeFileSync(join(outputPath, JUNIT_FILE), junitReport(summary, started));
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
  const folder = join(
    outputPath,
    fileName(`${index + 1} ${one.Name}`)
      .slice(0, MAX_FOLDER_NAME)
      .trim(),
  );
  const result: CaseResult = {
    Name: one.Name,
    Status: 1,
    Time: '',
    OutputMatched: [],
    OutputNotEqual: [],
    OutputMissing: [],
    OutputUnexpected: [],
    OutputUnrequired: [],
  };
  try {
    makeFolder(folder);
    const outputs = caseOutputs(plan, folder);
    const files = await inputFiles(one, context);
    await runFiles({ plan, policy, ...files, outputs, functions: project.functions, memory });
    compareOutputs(one, { plan, outputs, configFile }, result);
    const failed = [result.OutputNotEqual, result.OutputMissing, result.OutputUnexpected].some(
      (all) => all.length > 0,
    );
    result.Status = failed ? 1 : 0;
  } catch (error) {
    result.Error = problemText(project.queryFile, error);
  }
  result.Time = timeSpan(performance.now() - began);
  return result;
}

/** The files of a case's inputs; of an input that it does not name, the local data of the project. */
async function inputFiles(
  { Inputs }: TestCase,
  { plan, project, configFile }: CaseContext,
): Promise<Pick<FileRun, 'inputs' | 'references' | 'csvFiles'>> {
  const given = Inputs.map((one) => localInput(one, configFile));
  const used: LocalInput[] = [];
  const located = async (names: readonly string[]): Promise<Map<string, string[]>> => {
    const files = new Map<string, string[]>();
    for (const name of names) {
      const own = await localInputsOf(given, name);
      const found = own.length > 0 ? own : await localInputsOf(project.localInputs, name);
      if (found.length === 0) throw new ProjectError(`the test case gives no file for the input '${name}'`);
      used.push(...found);
      files.set(
        name,
        found.map(({ file }) => file),
      );
    }
    return files;
  };
  const inputs = await located(inputsOf(plan));
  const references = await located(referencesOf(plan));
  return { inputs, references, csvFiles: csvFiles(used) };
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
