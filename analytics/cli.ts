/** The command line of the Stream Analytics runner: its commands, flags and exit codes. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { checkQueries } from './check';
import type { Counts } from './counts';
import {
  UsageError,
  raisedByFile,
  readText,
  requireOtherFiles,
  requireReadable,
  requireWritable,
} from './fileAccess';
import { runFiles } from './fileRun';
import { FormatError } from './inputFile';
import { explain } from './explain';
import { version } from './package.json';
import { type Plan, QueryError, diagnostic, textOf, translate } from './query';
import { failure } from './junit';
import { readMemory } from './memory';
import { assignFiles, outputFiles } from './namedFiles';
import { ProjectError, readFunctions, readProject } from './project';
import { guardStandardOutput, printFile } from './standardOutput';
import { makeTemporaryFolder, removeTemporaryFolder, removingFoldersOnSignals } from './temporaryFolders';
import { type TestOptions, testProject } from './testProject';
import { readTimePolicy } from './timePolicy';
import { watchFiles } from './watchFiles';

interface RunFlags {
  input: string[];
  reference: string[];
  function: string[];
  query: string | undefined;
  output: string;
  memory?: string;
  watch?: true;
}

/** The query is wrong, or stopped on an event. */
const EXIT_QUERY = 1;
/** A test case failed. */
const EXIT_FAILED_TEST = 1;
/** The command is wrong: a flag, or a file that cannot be read or written. */
const EXIT_USAGE = 2;

const MEMORY_HELP = "the most memory for the query, such as 4GB (default: 80% of the machine's)";

/** Of this repository; a package does not have it. */
const REPOSITORY_QUERY = 'infra/analytics/query.asaql';
const DEFAULT_QUERY = existsSync(REPOSITORY_QUERY) ? REPOSITORY_QUERY : undefined;

/**
 * `asa` and `npm run analytics`: Stream Analytics queries on files. Without a command, `run`.
 *
 * @param signal ends `--watch`
 */
export async function main(
  argv: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  guardStandardOutput(EXIT_USAGE);
  const collect = (value: string, all: string[] = []): string[] => [...all, value];
  const program = new Command('asa')
    .description('Runs and checks Azure Stream Analytics queries on this machine.')
    .version(version)
    .exitOverride();
  program
    .command('run', { isDefault: true })
    .description('Runs a query on files of events, with reference data, into files of rows.')
    .requiredOption(
      '--input <[name=]file>',
      'events: JSON lines, a JSON array, Avro or CSV, perhaps gzip; - for standard input; repeat the flag for further inputs and files',
      collect,
    )
    .option(
      '--reference <[name=]file>',
      'reference data in the same formats; repeat the flag for several',
      collect,
      [],
    )
    .option(
      '--function <name=file>',
      'the JavaScript of udf.name or uda.name; else from asaproj.json or the folder Functions beside the query',
      collect,
      [],
    )
    .option('--query <file>', 'the query', DEFAULT_QUERY)
    .requiredOption(
      '--output <file>',
      "file for the rows of the query's first output, as JSON lines; - for standard output; a further output b of rows.ndjson goes to rows.b.ndjson",
    )
    .option('--memory <amount>', MEMORY_HELP)
    .option('--watch', 'runs again after each change of the query or a file, until Ctrl-C')
    .allowExcessArguments(false)
    .action((flags: RunFlags) => (flags.watch ? watching(flags, signal) : run(flags)));
  program
    .command('check')
    .description('Reports what is wrong in queries, or not covered, with line and column.')
    .argument('<query...>', 'query files')
    .option('--format <format>', 'text, json or sarif', 'text')
    .action(async (files: string[], { format }: { format: string }) => {
      if (!['text', 'json', 'sarif'].includes(format))
        throw new UsageError(`--format ${format} does not exist: use text, json or sarif`);
      const { report, wrong } = await checkQueries(files, format);
      if (report !== '') console.log(report);
      if (wrong > 0) process.exitCode = EXIT_QUERY;
    });
  program
    .command('explain')
    .description('Prints the DuckDB SQL that a query is translated to.')
    .argument(DEFAULT_QUERY === undefined ? '<query>' : '[query]', 'the query file', DEFAULT_QUERY)
    .action(async (file: string) => {
      const text = await readText(file);
      // eslint-disable-next-line @typescript-eslint/require-await -- translate throws what reportingQuery reports
      await reportingQuery(file, async () => {
        console.log(explain(translate(text)));
      });
    });
  program
    .command('test')
    .description("Runs the test cases of a project's testConfig.json, as azure-streamanalytics-cicd does.")
    .option('--project <file>', 'asaproj.json, or <name>.asaproj', 'asaproj.json')
    .option('--testConfigPath <file>', 'the test cases (default: test/testConfig.json beside the project)')
    .option('--outputPath <folder>', 'folder for the summary, a JUnit report and the rows', '.')
    .option('--memory <amount>', MEMORY_HELP)
    .action(async (flags: Omit<TestOptions, 'memory'> & { memory?: string }) => {
      const options: TestOptions = { ...flags, memory: memoryOf(flags) };
      await requireReadable(options.project);
      await reportingQuery(readProject(options.project).queryFile, async () => {
        const { Total, Failed, Results } = await testProject(options);
        for (const one of Results) {
          console.log(`${one.Status === 0 ? 'passed' : 'FAILED'}  ${one.Name}`);
          const told = failure(one);
          if (told !== undefined) console.log(told.replaceAll(/^/gm, '        '));
        }
        console.log(`${Total - Failed} of ${Total} test cases passed`);
        if (Failed > 0) process.exitCode = EXIT_FAILED_TEST;
      });
    });
  for (const command of program.commands) command.exitOverride();
  try {
    // azure-streamanalytics-cicd takes its flags with one dash, too.
    requireCommand(program, argv);
    const args = argv.map((arg) => arg.replace(/^-(?=(project|testConfigPath|outputPath)$)/, '--'));
    await removingFoldersOnSignals(async () => {
      await program.parseAsync(args, { from: 'user' });
    });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
    else {
      console.error(`error: ${textOf(error).split('\n')[0] ?? ''}`);
      process.exitCode =
        error instanceof UsageError || error instanceof FormatError || error instanceof ProjectError
          ? EXIT_USAGE
          : EXIT_QUERY;
    }
  }
}

/** Without a command, flags are those of `run`. */
function requireCommand(program: Command, [first]: readonly string[]): void {
  const names = program.commands.map((command) => command.name());
  if (first === undefined) {
    program.outputHelp({ error: true });
    throw new CommanderError(EXIT_USAGE, 'asa.noCommand', 'no command');
  }
  if (!first.startsWith('-') && ![...names, 'help'].includes(first))
    throw new UsageError(`the command '${first}' does not exist: use ${names.join(', ')}`);
}

async function reportingQuery(file: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    console.error(diagnostic(file, error));
    process.exitCode = EXIT_QUERY;
  }
}

/** Runs at once and after each change. An error is reported, and the next change runs again. */
async function watching(flags: RunFlags, signal: AbortSignal): Promise<void> {
  const query = queryFile(flags);
  const attempt = async (): Promise<void> => {
    process.exitCode = 0;
    await run(flags).catch((error: unknown) => {
      console.error(`error: ${textOf(error).split('\n')[0] ?? ''}`);
      process.exitCode = EXIT_USAGE;
    });
    console.error(`${process.exitCode === 0 ? `${flags.output} is written; ` : ''}waiting for changes`);
  };
  const named = [...flags.input, ...flags.reference, ...flags.function].map((value) =>
    value.replace(/^[^=]+=/, ''),
  );
  if (named.includes('-')) throw new UsageError('--watch takes files, not standard input');
  const beside = ['JobConfig.json', 'asaproj.json'].map((file) => join(dirname(query), file));
  await watchFiles([query, ...named, ...beside], attempt, signal);
}

function queryFile({ query = DEFAULT_QUERY }: RunFlags): string {
  if (query === undefined) throw new UsageError('give the file of the query with --query <file>');
  return query;
}

async function run(flags: RunFlags): Promise<void> {
  const query = queryFile(flags);
  const memory = memoryOf(flags);
  const text = await readText(query);
  await reportingQuery(query, async () => {
    const plan = translate(text);
    const inputs = assignFiles(flags.input, [...new Set(plan.sources.map(({ input }) => input))], '--input');
    const references = assignFiles(
      flags.reference,
      plan.references.map(({ name }) => name),
      '--reference',
    );
    const files = [...inputs.values(), ...references.values()].flat();
    if (files.filter((file) => file === '-').length > 1)
      throw new UsageError('standard input (-) can stand for one file only');
    for (const file of files) await requireReadable(file);
    const scripts = await functionFiles(flags.function);
    const folder = makeTemporaryFolder('asa-output-');
    try {
      const outputs = outputFiles(plan, flags.output, folder);
      for (const file of outputs.values()) await requireWritable(file);
      await requireOtherFiles(outputs.values(), [query, ...files]);
      const policy = readTimePolicy(query);
      const functions = new Map([...readFunctions(query), ...scripts]);
      const counts = await runFiles({ plan, policy, inputs, references, outputs, functions, memory }).catch(
        (error: unknown) => {
          throw usage(error);
        },
      );
      if (flags.output === '-') await printRows([...outputs.values()], plan);
      report(counts, flags);
    } finally {
      await removeTemporaryFolder(folder);
    }
  });
}

const memoryOf = ({ memory }: { memory?: string }): number | undefined =>
  memory === undefined ? undefined : readMemory(memory);

/** Scripts by the names of their functions. */
async function functionFiles(given: readonly string[]): Promise<Map<string, string>> {
  const scripts = new Map<string, string>();
  for (const value of given) {
    const [, name, file] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    if (name === undefined || file === undefined)
      throw new UsageError(`--function ${value}: write name=file, as in --function hex=hex.js`);
    scripts.set(name, await readText(file));
  }
  return scripts;
}

/** The error for a file that cannot be read or written. */
function usage(error: unknown): unknown {
  return error instanceof QueryError || error instanceof FormatError ? error : raisedByFile(error);
}

/** Prints the rows of the first output. Of the others, it reports that they are missing. */
async function printRows([first = '']: readonly string[], { outputs }: Plan): Promise<void> {
  await printFile(first);
  const [printed, ...others] = outputs.map(({ name }) => name);
  if (others.length > 0)
    console.error(
      `standard output can hold only the rows of ${printed ?? ''}: write to a file to get the rows of ${others.join(', ')}`,
    );
}

/** Reports dropped and adjusted events, one line for each reason. */
function report(counts: Counts, { input }: RunFlags): void {
  const told = {
    malformed: 'dropped: not a JSON object that fits the query',
    untimed: 'dropped: TIMESTAMP BY gave no time',
    early: 'dropped: more than 5 minutes ahead of their arrival',
    lateDropped: 'dropped: later than the tolerance',
    late: 'beyond the tolerance of late or disordered events',
  } as const;
  for (const [name, what] of Object.entries(told)) {
    const count = counts[name as keyof typeof told];
    if (count > 0) console.error(`${input.join(', ')}: ${count} of ${counts.events} events ${what}`);
  }
}
