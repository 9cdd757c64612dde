/** Checks the files of a command, and says what is wrong with one. */

import { constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** The command is wrong: a flag, or a file that cannot be read or written. */
export class UsageError extends Error {}

/** What an error of the operating system means, by its code. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not in a folder',
  EISDIR: 'is a folder',
  EACCES: 'cannot be opened: permission denied',
  EPERM: 'cannot be opened: permission denied',
  EROFS: 'cannot be written: the file system is read-only',
  ENOSPC: 'cannot be written: no space left on device',
  EPIPE: 'cannot be written: its reader has closed it',
  ENAMETOOLONG: 'has a name that is too long',
  EBADF: 'is not open for writing',
  ELOOP: 'is a symbolic link that leads to itself',
};

/** Stands for a time in the paths of reference data (https://learn.microsoft.com/azure/stream-analytics/stream-analytics-use-reference-data). */
const PATH_VARIABLE = /\{(?:date|time)\}/i;

/** An error of the operating system as an error of the file. */
export function fileError(file: string, error: unknown): UsageError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && PATH_VARIABLE.test(file))
    return new UsageError(
      `${file} is a path pattern, and only the live job chooses snapshots by date and time: give the file of one snapshot`,
    );
  return new UsageError(`${file} ${REASONS[code] ?? `cannot be opened: ${code || message}`}`);
}

/** @throws {UsageError} if it does not exist, is a folder, or must not be read */
export async function requireReadable(file: string): Promise<void> {
  if (file === '-') return;
  let isFolder: boolean;
  try {
    await access(file, constants.R_OK);
    isFolder = (await stat(file)).isDirectory();
  } catch (error) {
    throw fileError(file, error);
  }
  if (isFolder) throw new UsageError(`${file} is a folder`);
}

/** @throws {UsageError} if it cannot be read, or is not UTF-8 */
export async function readText(file: string): Promise<string> {
  await requireReadable(file);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw fileError(file, error);
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${file} is not a text in UTF-8`);
  }
}

/** @throws {UsageError} if the file cannot be made or overwritten */
export async function requireWritable(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) throw new UsageError(`${file} is a folder`);
  const checked = found ? file : dirname(file);
  await access(checked, constants.W_OK).catch((error: unknown) => {
    throw fileError(checked, error);
  });
}

/** @throws {UsageError} if an output is also a file that is read, under whatever path: it would be overwritten */
export async function requireOtherFiles(outputs: Iterable<string>, read: readonly string[]): Promise<void> {
  const identity = async (file: string): Promise<string | undefined> => {
    const found = await stat(file, { bigint: true }).catch(() => undefined);
    // A device, such as /dev/null, and a pipe may be read and written.
    return found?.isFile() === true ? `${found.dev}:${found.ino}` : undefined;
  };
  const known = new Map<string | undefined, string>();
  for (const file of read) known.set(await identity(file), file);
  known.delete(undefined);
  for (const file of outputs) {
    const other = known.get(await identity(file));
    if (other !== undefined)
      throw new UsageError(
        `the output ${file} would overwrite ${other}, which is read: write to another file`,
      );
  }
}

/**
 * Makes a folder and those above it. Node's own way hangs where the system makes no folder, such as in /proc.
 *
 * @throws {UsageError} if that is not possible
 */
export function makeFolder(folder: string): void {
  const missing: string[] = [];
  for (let at = resolve(folder); !existsSync(at); at = dirname(at)) missing.unshift(at);
  try {
    for (const one of missing) mkdirSync(one);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new UsageError(`the folder ${folder} cannot be made (${code})`);
  }
  if (!statSync(folder).isDirectory()) throw new UsageError(`${folder} is not a folder`);
}

/** What DuckDB reports of a file that it cannot open or write, as an error of the file. Anything else is returned as it is. */
export function raisedByFile(error: unknown): unknown {
  const { message } = error as Error;
  const [, action, file, reason] =
    /^IO Error: (Cannot open|Could not write|Could not open) file "([^"]*)": ([^\n]*)/.exec(message) ?? [];
  if (file === undefined || reason === undefined)
    return message.startsWith('IO Error: ') ? new UsageError('a file cannot be read or written') : error;
  return new UsageError(
    `${file} cannot be ${action === 'Could not write' ? 'written' : 'opened'}: ${reason.charAt(0).toLowerCase()}${reason.slice(1).trim()}`,
  );
}
