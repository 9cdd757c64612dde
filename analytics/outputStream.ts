/** Tells which outputs are streams, such as standard output, a device or a pipe, and prints rows to those that are open. */

import { createReadStream, createWriteStream, fstatSync, readlinkSync, realpathSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileError } from './fileAccess';

/** An output that holds the rows of one output of the query only, since no file can be beside it. */
export interface OutputStream {
  /** in messages */
  name: string;
  /** of what this process already has open; undefined for a device or a pipe, which is opened by its path */
  descriptor: number | undefined;
}

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;

/** As many links as Linux follows. */
const MAX_LINKS = 40;

/** @returns undefined for an ordinary file. @throws {UsageError} if a descriptor is not open */
export async function outputStream(output: string): Promise<OutputStream | undefined> {
  if (output === '-') return { name: 'standard output', descriptor: STANDARD_OUTPUT };
  const descriptor = descriptorOf(output);
  if (descriptor === undefined) {
    const found = await stat(output).catch(() => undefined);
    const isStream = found !== undefined && !found.isFile() && !found.isDirectory();
    return isStream ? { name: output, descriptor } : undefined;
  }
  try {
    fstatSync(descriptor);
  } catch (error) {
    throw fileError(output, error);
  }
  return { name: output, descriptor };
}

/**
 * The number that a path such as /dev/stdout leads to. The system would lead further, to the file that the shell has opened.
 * Opened anew, that file would lose what others have written and write to it.
 */
function descriptorOf(output: string): number | undefined {
  try {
    let path = resolve(output);
    for (let links = 0; links < MAX_LINKS; links += 1) {
      path = join(realpathSync(dirname(path)), basename(path));
      const [, ofProcess = process.pid, number] = /^(?:\/dev|\/proc\/(\d+))\/fd\/(\d+)$/.exec(path) ?? [];
      if (number !== undefined) return Number(ofProcess) === process.pid ? Number(number) : undefined;
      path = resolve(dirname(path), readlinkSync(path));
    }
  } catch {
    // The end of the links.
  }
  return undefined;
}

/**
 * Prints a file to what is open. If a reader closes standard output early, that is no error.
 *
 * @throws {UsageError} if it cannot be written
 */
export async function printFile(
  file: string,
  { name, descriptor = STANDARD_OUTPUT }: OutputStream,
): Promise<void> {
  const to =
    descriptor === STANDARD_OUTPUT
      ? process.stdout
      : descriptor === STANDARD_ERROR
        ? process.stderr
        : createWriteStream('', { fd: descriptor, autoClose: false });
  await pipeline(createReadStream(file), to, { end: to !== process.stdout && to !== process.stderr }).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).syscall !== 'write') throw error;
      // The guard of standard output reports what concerns it.
      if (descriptor !== STANDARD_OUTPUT) throw fileError(name, error);
    },
  );
}
