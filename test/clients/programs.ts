import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { noteSkipped } from '../skippedTests';

/**
 * The path of an installed program. If it is missing, its tests are skipped and the end of the run says how to install
 * it. With `CI` set they fail instead.
 *
 * @param commands names on the PATH, or absolute paths; the first that is installed is used
 * @param debianPackages what to install for it
 * @param check arguments with which the program must succeed
 */
export function findProgram(
  commands: string | readonly string[],
  debianPackages: string,
  check?: readonly string[],
): string | undefined {
  const names = [commands].flat();
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = names
    .flatMap((name) => (name.startsWith('/') ? name : folders.map((folder) => join(folder, name))))
    .find((path) => existsSync(path));
  if (found && (!check || spawnSync(found, check).status === 0)) return found;
  const line = `${names[0]} is missing: apt-get install ${debianPackages}`;
  if (process.env.CI) throw new Error(line);
  noteSkipped(line);
  return undefined;
}
