import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Where a program of the machine is, for tests that want the real one. Absent, its tests are skipped and the line to
 * install it is printed; with `CI` set they fail instead.
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
  console.warn(`skipped, since ${line}`);
  return undefined;
}
