import { type WriteStream, createWriteStream } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join, parse as parsePath } from 'node:path';
import { Command, CommanderError } from 'commander';
import { type Engine, createEngine } from './engine';
import { readEventFile } from './eventFile';
import { type Output, type Plan, QueryError, diagnostic, translate } from './query';
import { readTimePolicy } from './timePolicy';

interface Flags {
  input: string[];
  reference: string[];
  query: string;
  output: string;
}

/** The query is wrong, or stopped on an event. */
const EXIT_QUERY = 1;
/** The command is wrong: a flag, or a file that cannot be read or written. */
const EXIT_USAGE = 2;

const BATCH_SIZE = 10_000;

class UsageError extends Error {}

/** `npm run analytics`: runs a Stream Analytics query on files. */
export async function main(argv: readonly string[]): Promise<void> {
  const collect = (value: string, all: string[] = []): string[] => [...all, value];
  const command = new Command('npm run analytics --')
    .description(
      'Runs a Stream Analytics query on a file of events, with reference data, into a file of rows.',
    )
    .requiredOption(
      '--input <[name=]file>',
      'events: NDJSON or a JSON array; repeat it for further inputs',
      collect,
    )
    .option(
      '--reference <[name=]file>',
      'reference data: a JSON array, or NDJSON; repeat it for more',
      collect,
      [],
    )
    .option('--query <file>', 'the query', 'infra/analytics/query.asaql')
    .requiredOption(
      '--output <file>',
      "rows of the query's first output as NDJSON; those of each further one beside it, as <file>.<output>.ndjson",
    )
    .allowExcessArguments(false)
    .exitOverride();
  try {
    await run(command.parse([...argv], { from: 'user' }).opts<Flags>());
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
    else if (error instanceof UsageError) {
      console.error(`error: ${error.message}`);
      process.exitCode = EXIT_USAGE;
    } else {
      console.error(`error: ${(error as Error).message.split('\n')[0] ?? ''}`);
      process.exitCode = EXIT_QUERY;
    }
  }
}

async function run(flags: Flags): Promise<void> {
  const text = await readable(flags.query).then(() => readFile(flags.query, 'utf8'));
  let engine: Engine | undefined;
  try {
    const plan = translate(text);
    const inputs = assign(flags.input, [...new Set(plan.sources.map(({ input }) => input))], '--input');
    const references = assign(
      flags.reference,
      plan.references.map(({ name }) => name),
      '--reference',
    );
    for (const file of [...inputs.values(), ...references.values()]) await readable(file);
    engine = await createEngine(plan, readTimePolicy(flags.query));
    for (const [name, file] of references) await load(engine, name, file);
    const outputs = await openOutputs(plan, flags.output);
    const write = async ({ table, rowsSql }: Output): Promise<void> => {
      const stream = outputs.get(table);
      if (!stream || !engine) return;
      const result = await engine.connection.stream(rowsSql);
      for await (const rows of result.yieldRows()) {
        if (!stream.write(rows.map(([row]) => `${String(row)}\n`).join(''))) await once(stream, 'drain');
      }
    };
    for (const [name, file] of inputs)
      for await (const events of readEventFile(file, BATCH_SIZE)) await engine.process(name, events, write);
    await engine.advance(Infinity, write);
    for (const stream of outputs.values()) {
      stream.end();
      await once(stream, 'finish');
    }
    report(engine, flags);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    console.error(diagnostic(flags.query, error));
    process.exitCode = EXIT_QUERY;
  } finally {
    engine?.close();
  }
}

/** Which file stands for which name of the query: `name=file`, or a bare file where there is one name only. */
function assign(given: readonly string[], names: readonly string[], flag: string): Map<string, string> {
  const files = new Map<string, string>();
  const free = (): string[] => names.filter((name) => !files.has(name));
  for (const value of given) {
    const [, before, after] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    const named = names.find((name) => name.toLowerCase() === before?.toLowerCase());
    if (named !== undefined && after !== undefined) files.set(named, after);
    else if (free().length === 1) files.set(free()[0] ?? '', value);
    else
      throw new UsageError(
        names.length === 0
          ? `${flag} ${value}: the query reads none`
          : `${flag} ${value}: say which of the query's it is, as in ${flag} ${names[0] ?? ''}=${value} (there are: ${names.join(', ')})`,
      );
  }
  const [missing] = free();
  if (missing !== undefined) throw new UsageError(`the query reads '${missing}': give its file with ${flag}`);
  return files;
}

async function load(engine: Engine, name: string, file: string): Promise<void> {
  await engine.references.load(name, file, 0).catch((error: unknown) => {
    throw new UsageError(
      `${file}: not reference data in JSON (${(error as Error).message.split('\n')[0] ?? ''})`,
    );
  });
}

async function openOutputs({ outputs }: Plan, file: string): Promise<Map<string, WriteStream>> {
  const { dir, name } = parsePath(file);
  const opened = new Map<string, WriteStream>();
  for (const [i, output] of outputs.entries()) {
    const beside = `${name}.${output.name.replaceAll(/[^\w.-]/g, '_')}.ndjson`;
    const path = i === 0 ? file : join(dir, beside);
    const stream = createWriteStream(path);
    await once(stream, 'open').catch(() => {
      throw new UsageError(`${path} cannot be written`);
    });
    opened.set(output.table, stream);
  }
  return opened;
}

async function readable(file: string): Promise<void> {
  await access(file).catch(() => {
    throw new UsageError(`${file} cannot be read`);
  });
}

/** What did not go through as it came is told, one line each. */
function report({ counts }: Engine, { input }: Flags): void {
  const told = {
    malformed: 'dropped: not a JSON object',
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
