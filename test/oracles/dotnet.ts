import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { noteSkipped } from '../skippedPrograms';

const CACHE = 'node_modules/.cache/hubfront-oracles';
const BUILD_TIMEOUT_MS = 240_000;

/**
 * Builds a .NET program of a few source files, once for each version of them.
 *
 * Without `dotnet` on the PATH, the tests that need the program are skipped, and the end of the run says so. The same
 * holds where the build fails, without NuGet for example; with `CI` set, a failed build is an error.
 *
 * @param folder of the project file, whose name is that of the program
 * @returns the path of the assembly, for `dotnet <path>`
 */
export function buildDotnetProgram(folder: string): string | undefined {
  const files = readdirSync(folder).filter((name) => /\.(?:cs|csproj)$/.test(name));
  const hash = createHash('sha256');
  for (const name of files.toSorted()) hash.update(`${name}\n`).update(readFileSync(join(folder, name)));
  const project = files.find((name) => name.endsWith('.csproj')) ?? '';
  const program = basename(project, '.csproj');
  const built = resolve(CACHE, `${program}-${hash.digest('hex').slice(0, 16)}`);
  const assembly = join(built, 'bin', program, 'release', `${program}.dll`);
  if (existsSync(assembly)) return assembly;

  if (spawnSync('dotnet', ['--version']).status !== 0) {
    noteSkipped(`${program} needs the .NET SDK (dotnet)`);
    return undefined;
  }
  // Built aside and renamed: another process may build it at the same time.
  const unfinished = `${built}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  const build = spawnSync(
    'dotnet',
    ['build', join(folder, project), '--configuration', 'Release', '--artifacts-path', unfinished],
    { encoding: 'utf8', timeout: BUILD_TIMEOUT_MS },
  );
  if (build.status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    const message = `dotnet build of ${program} failed:\n${build.stdout}${build.stderr}`;
    if (process.env.CI) throw new Error(message);
    noteSkipped(message);
    return undefined;
  }
  try {
    renameSync(unfinished, built);
  } catch (error) {
    if (!existsSync(assembly)) throw error;
    rmSync(unfinished, { recursive: true, force: true });
  }
  return assembly;
}
