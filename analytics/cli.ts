/** The command line of the Stream Analytics runner: its commands, flags and exit codes. */

import { existsSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { checkQueries } from './check';
import { EXIT_FAILED_TEST, EXIT_QUERY, EXIT_USAGE, reportingQuery } from './exitCodes';
import { explain } from './explain';
import { UsageError, readText, requireReadable } from './fileAccess';
import { FormatError } from './inputFile';
import { failure } from './junit';
import { version } from './package.json';
import { readProject } from './project';
import { ProjectError } from './projectFiles';
import { textOf, translate } from './query';
import { type RunFlags, memoryOf, run, watching } from './runCommand';
import { guardStandardOutput } from './standardOutput';
import { removingFoldersOnSignals } from './temporaryFolders';
import { type TestOptions, removeResults, testProject } from './testProject';
import { compatibilityNote } from './timePolicy';

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
    .option(
      '--input <[name=]file>',
      'events: JSON lines, a JSON array, Avro or CSV, perhaps gzip; - for standard input; repeat the flag for further inputs and files; else the local inputs of asaproj.json beside the query',
      collect,
      [],
    )
    .option(
      '--reference <[name=]file>',
      'reference data in the same formats; repeat the flag for several',
      collect,
      [],
    )
    .option(
      '--csv <file>',
      'one of these files is CSV whatever its name is, such as - for standard input; repeat the flag for several',
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
      "file for the rows of the query's first output, as JSON lines; - for standard output, or a device or pipe; a further output b of rows.ndjson goes to rows.b.ndjson",
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
      const { report, wrong, unreadable } = await checkQueries(files, format);
      if (report !== '') console.log(report);
      for (const reason of unreadable) console.error(`error: ${reason}`);
      if (wrong > 0) process.exitCode = EXIT_QUERY;
      if (unreadable.length > 0) process.exitCode = EXIT_USAGE;
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
      removeResults(flags.outputPath);
      const options: TestOptions = { ...flags, memory: memoryOf(flags) };
      await requireReadable(options.project);
      const { queryFile, jobConfigFile } = readProject(options.project);
      await reportingQuery(queryFile, async () => {
        const note = compatibilityNote(queryFile, jobConfigFile);
        if (note !== undefined) console.error(note);
        const { Total, Failed, Results } = await testProject(options);
        for (const one of Results) {
          console.log(`${one.Status === 0 ? 'passed' : 'FAILED'}  ${one.Name.replaceAll(/\p{Cc}+/gu, ' ')}`);
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
