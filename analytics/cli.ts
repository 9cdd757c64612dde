/** The command line of the Stream Analytics runner: its commands, flags and exit codes. */

import { createReadStream } from 'node:fs';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, parse as parsePath } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command, CommanderError } from 'commander';
import { checkQueries } from './check';
import type { Counts } from './counts';
import { runFiles } from './fileRun';
import { FormatError } from './inputFile';
import { explain } from './explain';
import { type Plan, QueryError, diagnostic, translate } from './query';
import { failure } from './junit';
import { ProjectError, readFunctions, readProject } from './project';
import { type TestOptions, testProject } from './testProject';
import { readTimePolicy } from './timePolicy';
import { watchFiles } from './watchFiles';

interface RunFlags {
  input: string[];
  reference: string[];
  function: string[];
  query: string;
  output: string;
  watch?: true;
}

/** The query is wrong, or stopped on an event. */
const EXIT_QUERY = 1;
/** A test case failed. */
const EXIT_FAILED_TEST = 1;
/** The command is wrong: a flag, or a file that cannot be read or written. */
const EXIT_USAGE = 2;

const DEFAULT_QUERY = 'infra/analytics/query.asaql';

class UsageError extends Error {}

/**
 * `asa` and `npm run analytics`: Stream Analytics queries on files. Without a command, `run`.
 *
 * @param signal ends `--watch`
 */
export async function main(
  argv: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const collect = (value: string, all: string[] = []): string[] => [...all, value];
  const program = new Command('asa')
    .description('Runs and checks Azure Stream Analytics queries on this machine.')
    .exitOverride();
  program
    .command('run', { isDefault: true })
    .description('Runs a query on files of events, with reference data, into files of rows.')
    .requiredOption(
      '--input <[name=]file>',
      'events: JSON lines, a JSON array, Avro or CSV, perhaps gzip; - for standard input; repeat it for further inputs and files',
      collect,
    )
    .option(
      '--reference <[name=]file>',
      'reference data in the same formats; repeat it for more',
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
      "rows of the query's first output as JSON lines, - for standard output; those of each further output beside it, as <file>.<output>.ndjson",
    )
    .option('--watch', 'runs again after each change of the query or a file, until Ctrl-C')
    .allowExcessArguments(false)
    .action((flags: RunFlags) => (flags.watch ? watching(flags, signal) : run(flags)));
  program
    .command('check')
    .description('Reports what is wrong in queries, or not covered, with line and column.')
    .argument('<query...>', 'query files')
    .option('--format <format>', 'text, json or sarif', 'text')
    .action(async (files: string[], { format }: { format: string }) => {
      for (const file of files) await readable(file);
      if (!['text', 'json', 'sarif'].includes(format))
        throw new UsageError(`--format ${format} does not exist: use text, json or sarif`);
      const { report, wrong } = await checkQueries(files, format);
      if (report !== '') console.log(report);
      if (wrong > 0) process.exitCode = EXIT_QUERY;
    });
  program
    .command('explain')
    .description('Prints the DuckDB SQL that a query is translated to.')
    .argument('[query]', 'the query file', DEFAULT_QUERY)
    .action(async (file: string) => {
      await readable(file);
      await reportingQuery(file, async () => {
        console.log(explain(translate(await readFile(file, 'utf8'))));
      });
    });
  program
    .command('test')
    .description("Runs the test cases of a project's testConfig.json, as azure-streamanalytics-cicd does.")
    .option('--project <file>', 'asaproj.json, or <name>.asaproj', 'asaproj.json')
    .option('--testConfigPath <file>', 'the test cases (default: test/testConfig.json beside the project)')
    .option('--outputPath <folder>', 'where the summary, a JUnit report and the rows go', '.')
    .action(async (options: TestOptions) => {
      await readable(options.project);
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
    const args = argv.map((arg) => arg.replace(/^-(?=(project|testConfigPath|outputPath)$)/, '--'));
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
    else {
      console.error(`error: ${(error as Error).message.split('\n')[0] ?? ''}`);
      process.exitCode =
        error instanceof UsageError || error instanceof FormatError || error instanceof ProjectError
          ? EXIT_USAGE
          : EXIT_QUERY;
    }
  }
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

/** Runs at once and after each change; an error is told, and the next change tries again. */
async function watching(flags: RunFlags, signal: AbortSignal): Promise<void> {
  const attempt = async (): Promise<void> => {
    await run(flags).catch((error: unknown) => {
      console.error(`error: ${(error as Error).message.split('\n')[0] ?? ''}`);
    });
    console.error(`${flags.output} is written; waiting for changes`);
  };
  const named = [...flags.input, ...flags.reference, ...flags.function].map((value) =>
    value.replace(/^[^=]+=/, ''),
  );
  if (named.includes('-')) throw new UsageError('--watch takes files, not standard input');
  const beside = ['JobConfig.json', 'asaproj.json'].map((file) => join(dirname(flags.query), file));
  await watchFiles([flags.query, ...named, ...beside], attempt, signal);
}

async function run(flags: RunFlags): Promise<void> {
  await readable(flags.query);
  const text = await readFile(flags.query, 'utf8');
  await reportingQuery(flags.query, async () => {
    const plan = translate(text);
    const inputs = assign(flags.input, [...new Set(plan.sources.map(({ input }) => input))], '--input');
    const references = assign(
      flags.reference,
      plan.references.map(({ name }) => name),
      '--reference',
    );
    for (const file of [...inputs.values(), ...references.values()].flat()) await readable(file);
    const scripts = await functionFiles(flags.function);
    const folder = await mkdtemp(join(tmpdir(), 'asa-output-'));
    try {
      const outputs = outputFiles(plan, flags.output, folder);
      const policy = readTimePolicy(flags.query);
      const functions = new Map([...readFunctions(flags.query), ...scripts]);
      const counts = await runFiles({ plan, policy, inputs, references, outputs, functions }).catch(
        (error: unknown) => {
          throw usage(error);
        },
      );
      if (flags.output === '-')
        await pipeline(createReadStream([...outputs.values()][0] ?? ''), process.stdout, { end: false });
      report(counts, flags);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** Scripts by the names of their functions. */
async function functionFiles(given: readonly string[]): Promise<Map<string, string>> {
  const scripts = new Map<string, string>();
  for (const value of given) {
    const [, name, file] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    if (name === undefined || file === undefined)
      throw new UsageError(`--function ${value}: write name=file, as in --function hex=hex.js`);
    await readable(file);
    scripts.set(name, await readFile(file, 'utf8'));
  }
  return scripts;
}

/** What a file that cannot be read or written comes to. */
function usage(error: unknown): unknown {
  const { message } = error as Error;
  if (error instanceof QueryError || error instanceof FormatError) return error;
  return /IO Error|is a JSON object|Invalid Input Error: (Malformed JSON|JSON|Error when)/.test(message)
    ? new UsageError(message.split('\n')[0] ?? '')
    : error;
}

/** Which files stand for which name of the query: `name=file`, or a bare file where there is one name only. */
function assign(given: readonly string[], names: readonly string[], flag: string): Map<string, string[]> {
  const files = new Map<string, string[]>();
  const free = (): string[] => names.filter((name) => !files.has(name));
  for (const value of given) {
    const [, before, after] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    const named = names.find((name) => name.toLowerCase() === before?.toLowerCase());
    const only = free().length === 1 ? free()[0] : names.length === 1 ? names[0] : undefined;
    const name = named !== undefined && after !== undefined ? named : only;
    if (name === undefined)
      throw new UsageError(
        names.length === 0
          ? `${flag} ${value}: the query reads no ${flag === '--input' ? 'input of events' : 'reference data'}`
          : `${flag} ${value}: name the input of the query, as in ${flag} ${names[0] ?? ''}=${value} (the query reads: ${names.join(', ')})`,
      );
    files.set(name, [...(files.get(name) ?? []), named === undefined ? value : (after ?? value)]);
  }
  const [missing] = free();
  if (missing !== undefined) throw new UsageError(`the query reads '${missing}': give its file with ${flag}`);
  return files;
}

function outputFiles({ outputs }: Plan, file: string, folder: string): Map<string, string> {
  const { dir, name } = parsePath(file === '-' ? join(folder, 'output') : file);
  return new Map(
    outputs.map((output, i) => {
      const beside = `${name}.${output.name.replaceAll(/[^\w.-]/g, '_')}.ndjson`;
      return [output.table, i === 0 && file !== '-' ? file : join(dir, beside)];
    }),
  );
}

async function readable(file: string): Promise<void> {
  if (file === '-') return;
  await access(file).catch(() => {
    throw new UsageError(`${file} cannot be read`);
  });
}

/** Reports what did not go through as it came, one line each. */
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
