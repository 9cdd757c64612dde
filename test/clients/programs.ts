import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { noteSkipped } from '../skippedPrograms';

/**
 * The path of an installed program. If it is missing, its tests are skipped and the end of the run says how to install
 * it. With `CI` set they fail instead.
 *
 * @param command a name on the PATH, or an absolute path
 * @param debianPackages what to install for it
 * @param check arguments with which the program must succeed
 */
export function findProgram(
  command: string,
  debianPackages: string,
  check?: readonly string[],
): string | undefined {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => (command.startsWith('/') ? command : join(folder, command)))
    .find((path) => existsSync(path));
  if (found && (!check || spawnSync(found, check).status === 0)) return found;
  const line = `${command} is missing: apt-get install ${debianPackages}`;
  if (process.env.CI) throw new Error(line);
  noteSkipped(line);
  return undefined;
}
