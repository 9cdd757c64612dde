/** The command that runs a query on files. */

import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Counts } from './counts';
import {
  UsageError,
  fileError,
  raisedByFile,
  readText,
  requireOtherFiles,
  requireReadable,
  requireWritable,
} from './fileAccess';
import type { CsvFormat } from './fileFormat';
import { runFiles } from './fileRun';
import { FormatError } from './inputFile';
import { type LocalInput, csvFiles, localInputsOf } from './localInput';
import { readMemory } from './memory';
import { assignFiles, inputsOf, outputFiles, referencesOf } from './namedFiles';
import { type OutputStream, outputStream, printFile } from './outputStream';
import { filesOfParts, partsOf } from './project';
import { type Plan, QueryError, textOf, translate } from './query';
import { EXIT_USAGE, reportingQuery } from './exitCodes';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporaryFolders';
import { compatibilityNote, readTimePolicy } from './timePolicy';
import { watchFiles } from './watchFiles';

export interface RunFlags {
  input: string[];
  reference: string[];
  csv: string[];
  function: string[];
  query: string | undefined;
  output: string;
  memory?: string;
  watch?: true;
}

/** Runs at once and after each change. An error is reported, and the next change runs again. */
export async function watching(flags: RunFlags, signal: AbortSignal): Promise<void> {
  const query = queryFile(flags);
  const attempt = async (): Promise<void> => {
    process.exitCode = 0;
    await run(flags).catch((error: unknown) => {
      console.error(`error: ${textOf(error).split('\n')[0] ?? ''}`);
      process.exitCode = EXIT_USAGE;
    });
    console.error(`${process.exitCode === 0 ? `${flags.output} is written; ` : ''}waiting for changes`);
  };
  const given = [...flags.input, ...flags.reference, ...flags.function];
  const named = given.map((value) => value.replace(/^[^=]+=/, ''));
  if (named.includes('-')) throw new UsageError('--watch takes files, not standard input');
  // A file may appear later, but a wrong folder is a mistake.
  for (const file of [query, ...named])
    await stat(dirname(file)).catch((error: unknown) => {
      throw fileError(dirname(file), error);
    });
  // A file may have an = in its name.
  const own = [query, ...given, ...named, join(dirname(query), 'JobConfig.json')];
  await watchFiles(() => [...own, ...filesOfParts(query)], attempt, signal);
}

function queryFile({ query }: RunFlags): string {
  if (query === undefined) throw new UsageError('give the file of the query with --query <file>');
  return query;
}

/** Runs the query once. */
export async function run(flags: RunFlags): Promise<void> {
  const query = queryFile(flags);
  const memory = memoryOf(flags);
  const text = await readText(query);
  await reportingQuery(query, async () => {
    const plan = translate(text);
    const { functions: ownScripts, jobConfigFile, localInputs } = partsOf(query);
    const local: LocalInput[] = [];
    const filesOf = async (
      given: string[],
      names: string[],
      flag: '--input' | '--reference',
      others: string[],
    ): Promise<Map<string, string[]>> => {
      const found = assignFiles(given, names, flag, others);
      for (const name of names) {
        if (found.has(name)) continue;
        const own = await localInputsOf(localInputs, name);
        if (own.length === 0) throw new UsageError(`the query reads '${name}': give its file with ${flag}`);
        found.set(
          name,
          own.map(({ file }) => file),
        );
        local.push(...own);
      }
      return found;
    };
    const [events, data] = [inputsOf(plan), referencesOf(plan)];
    const inputs = await filesOf(flags.input, events, '--input', data);
    const references = await filesOf(flags.reference, data, '--reference', events);
    const files = [...inputs.values(), ...references.values()].flat();
    if (files.filter((file) => file === '-').length > 1)
      throw new UsageError('standard input (-) can stand for one file only');
    for (const file of files) await requireReadable(file);
    for (const file of flags.csv)
      if (!files.includes(file)) throw new UsageError(`--csv ${file}: the command reads no such file`);
    const scripts = await functionFiles(flags.function);
    const folder = makeTemporaryFolder('asa-output-');
    try {
      const stream = await outputStream(flags.output);
      const outputs = outputFiles(plan, flags.output, folder, stream);
      for (const file of outputs.values()) await requireWritable(file);
      await requireOtherFiles(outputs.values(), [query, ...files]);
      const policy = readTimePolicy(query, jobConfigFile);
      const note = compatibilityNote(query, jobConfigFile);
      if (note !== undefined) console.error(note);
      const functions = new Map([...ownScripts, ...scripts]);
      const counts = await runFiles({
        ...{ plan, policy, inputs, references, outputs, functions, memory },
        csvFiles: new Map([
          ...csvFiles(local),
          ...flags.csv.map((file): [string, CsvFormat] => [file, { delimiter: undefined }]),
        ]),
      }).catch((error: unknown) => {
        throw usage(error);
      });
      if (stream) await printRows(stream, [...outputs.values()], plan);
      report(counts, [...inputs.values()].flat());
    } finally {
      await removeTemporaryFolder(folder);
    }
  });
}

/** @returns bytes; undefined for the default */
export const memoryOf = ({ memory }: { memory?: string }): number | undefined =>
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

/** Prints the rows of the first output, unless they are there. Of the others, it reports that they are missing. */
async function printRows(
  stream: OutputStream,
  [first = '']: readonly string[],
  { outputs }: Plan,
): Promise<void> {
  if (stream.descriptor !== undefined) await printFile(first, stream);
  const [printed, ...others] = outputs.map(({ name }) => name);
  if (others.length > 0)
    console.error(
      `${stream.name} can hold only the rows of ${printed ?? ''}: write to a file to get the rows of ${others.join(', ')}`,
    );
}

/** Reports dropped and adjusted events, one line for each reason. */
function report(counts: Counts, files: readonly string[]): void {
  const told = {
    malformed: 'dropped: not a JSON object that fits the query',
    untimed: 'dropped: TIMESTAMP BY gave no time',
    early: 'dropped: more than 5 minutes ahead of their arrival',
    lateDropped: 'dropped: later than the tolerance',
    adjusted: 'moved to the earliest accepted time: beyond the tolerance of late or disordered events',
  } as const;
  const reported = { ...counts, adjusted: counts.late - counts.lateDropped };
  for (const [name, what] of Object.entries(told)) {
    const count = reported[name as keyof typeof told];
    if (count > 0) console.error(`${files.join(', ')}: ${count} of ${counts.events} events ${what}`);
  }
}
