/** Assigns the files of a command to the names of a query. */

import { existsSync } from 'node:fs';
import { basename, join, parse as parsePath } from 'node:path';
import { UsageError } from './fileAccess';
import type { OutputStream } from './outputStream';
import type { Plan } from './query';

/**
 * Which files stand for which name of the query: `name=file`, or a bare file where there is one name only. Some names may
 * have none.
 *
 * @param others the names whose files follow the other flag
 * @throws {UsageError}
 */
export function assignFiles(
  given: readonly string[],
  names: readonly string[],
  flag: '--input' | '--reference',
  others: readonly string[],
): Map<string, string[]> {
  const files = new Map<string, string[]>();
  const free = (): string[] => names.filter((name) => !files.has(name));
  for (const value of given) {
    const [, before, after] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    const named = names.find((name) => name.toLowerCase() === before?.toLowerCase());
    const only = free().length === 1 ? free()[0] : names.length === 1 ? names[0] : undefined;
    // A file may have an = in its name.
    const isName = named === undefined && before !== undefined && !existsSync(value);
    const other = isName ? others.find((one) => one.toLowerCase() === before.toLowerCase()) : undefined;
    if (other !== undefined)
      throw new UsageError(
        flag === '--input'
          ? `--input ${value}: the query joins '${other}' without a time bound, so it is reference data: give it with --reference, or write DATEDIFF(…) BETWEEN … in ON for a JOIN of two streams`
          : `--reference ${value}: the query reads '${other}' as events: give it with --input`,
      );
    if (isName && names.length > 0)
      throw new UsageError(
        `${flag} ${value}: the query does not read '${before}' (it reads: ${names.join(', ')})`,
      );
    const name = named !== undefined && after !== undefined ? named : only;
    if (name === undefined)
      throw new UsageError(
        names.length === 0
          ? `${flag} ${value}: the query reads no ${flag === '--input' ? 'input of events' : 'reference data'}`
          : `${flag} ${value}: name the input of the query, as in ${flag} ${names[0] ?? ''}=${value} (the query reads: ${names.join(', ')})`,
      );
    files.set(name, [...(files.get(name) ?? []), named === undefined ? value : (after ?? value)]);
  }
  return files;
}

/** The names of the inputs of events. */
export const inputsOf = ({ sources }: Plan): string[] => [...new Set(sources.map(({ input }) => input))];

/** The names of the reference data. */
export const referencesOf = ({ references }: Plan): string[] => references.map(({ name }) => name);

/**
 * Where the rows of each output go, by its table.
 *
 * @param folder for rows that no file is for
 * @param stream of the file, if it is one
 * @throws {UsageError} if two outputs would have the same file
 */
export function outputFiles(
  plan: Plan,
  file: string,
  folder: string,
  stream: OutputStream | undefined,
): Map<string, string> {
  if (stream) {
    const isOpened = stream.descriptor === undefined;
    return new Map(
      plan.outputs.map(({ table }, i) => [table, isOpened && i === 0 ? file : join(folder, `${i}.ndjson`)]),
    );
  }
  const { dir, name } = parsePath(file);
  const files = new Map(
    plan.outputs.map((output, i) => {
      const beside = `${name}.${output.name.replaceAll(/[^\p{L}\p{M}\p{N}_.-]/gu, '_')}.ndjson`;
      return [output.table, i === 0 ? file : join(dir, beside)];
    }),
  );
  requireOwnFiles(plan, files);
  return files;
}

/** @throws {UsageError} if two outputs have the same file, also where the file system ignores case */
export function requireOwnFiles({ outputs }: Plan, files: ReadonlyMap<string, string>): void {
  const taken = new Map<string, string>();
  for (const { name, table } of outputs) {
    const file = files.get(table) ?? '';
    const key = file.normalize('NFC').toLowerCase();
    const other = taken.get(key);
    if (other !== undefined)
      throw new UsageError(
        `the outputs '${other}' and '${name}' would have the same file ${basename(file)}: rename one of them`,
      );
    taken.set(key, name);
  }
}
