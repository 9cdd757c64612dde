import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { HAS_FULL_TESTS } from '../testSize';
import { noteSkipped } from '../skippedTests';

const CACHE = 'node_modules/.cache/hubfront-oracles';
const BUILD_TIMEOUT_MS = 240_000;
const LOCK_POLL_MS = 200;

/**
 * Builds a .NET program of a few source files, once for each version of them. Only the full run uses it: a build takes ten
 * seconds of CPU time.
 *
 * Without `dotnet` on the PATH, the tests that need the program are skipped, and the end of the run says so. The same
 * holds where the build fails, without NuGet for example; with `CI` set, a failed build is an error.
 *
 * @param folder of the project file, whose name is that of the program
 * @returns the path of the assembly, for `dotnet <path>`
 */
export function buildDotnetProgram(folder: string): string | undefined {
  if (!HAS_FULL_TESTS) return undefined;
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
  mkdirSync(resolve(CACHE), { recursive: true });
  const lock = `${built}.lock`;
  try {
    if (waitForTurn(lock, assembly)) return assembly;
    return build(join(folder, project), program, built) ? assembly : undefined;
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Test files run in processes of their own, and several need the same program. @returns whether another one built it */
function waitForTurn(lock: string, assembly: string): boolean {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    if (existsSync(assembly)) return true;
    try {
      writeFileSync(lock, '', { flag: 'wx' });
      return false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const { mtimeMs = 0 } = statSync(lock, { throwIfNoEntry: false }) ?? {};
    // A process that was killed leaves its lock behind.
    if (mtimeMs > 0 && Date.now() - mtimeMs > BUILD_TIMEOUT_MS) rmSync(lock, { force: true });
    Atomics.wait(clock, 0, 0, LOCK_POLL_MS);
  }
}

/** @returns whether it could be built */
function build(project: string, program: string, built: string): boolean {
  // Aside, and then renamed: half a build is never used.
  const unfinished = `${built}.${process.pid}`;
  const { status, stdout, stderr } = spawnSync(
    'dotnet',
    ['build', project, '--configuration', 'Release', '--artifacts-path', unfinished],
    {
      encoding: 'utf8',
      timeout: BUILD_TIMEOUT_MS,
      env: { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' },
    },
  );
  if (status === 0) {
    renameSync(unfinished, built);
    return true;
  }
  rmSync(unfinished, { recursive: true, force: true });
  const message = `dotnet build of ${program} failed:\n${stdout}${stderr}`;
  if (process.env.CI) throw new Error(message);
  noteSkipped(message);
  return false;
}
