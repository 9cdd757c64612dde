import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** The version that is restored if PATH has no compiler or an older one. It has `bicep snapshot` and `fail()`. */
const BICEP_VERSION = '0.47.16';
const RESTORE_TIMEOUT_MS = 240_000;
/** A build takes seconds, but minutes on a busy machine. */
const COMMAND_TIMEOUT_MS = 240_000;

export interface CommandResult {
  status: number;
  stdout: string;
  stderr: string;
}

export interface Bicep {
  (...args: string[]): CommandResult;
  /** path of the compiler, or its name on PATH */
  file: string;
}

/**
 * Finds the Bicep compiler on PATH, or else in the NuGet package, which `dotnet` restores if necessary.
 *
 * @returns the compiler, or a sentence that explains why there is none
 */
export function findBicep(): Bicep | string {
  const onPath = run('bicep', ['--version']);
  const version = /(\d+)\.(\d+)\.(\d+)/.exec(onPath.stdout);
  if (onPath.status === 0 && version && isRecent(version.slice(1).map(Number))) return commandOf('bicep');
  const packaged = join(packageFolder(), 'tools', process.platform === 'win32' ? 'bicep.exe' : 'bicep');
  if (!existsSync(packaged)) {
    const problem = restore();
    if (problem !== undefined) return problem;
  }
  chmodSync(packaged, 0o755);
  return commandOf(packaged);
}

function isRecent(version: readonly number[]): boolean {
  const wanted = BICEP_VERSION.split('.').map(Number);
  const differing = wanted.findIndex((part, i) => part !== version[i]);
  return differing < 0 || (version[differing] ?? 0) > (wanted[differing] ?? 0);
}

function commandOf(file: string): Bicep {
  return Object.assign((...args: string[]) => run(file, args), { file });
}

function run(file: string, args: readonly string[], timeout = COMMAND_TIMEOUT_MS): CommandResult {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    encoding: 'utf8',
    timeout,
    maxBuffer: 256 * 1024 * 1024,
  });
  return { status: status ?? 1, stdout: stdout || '', stderr: stderr || (error?.message ?? '') };
}

const PLATFORMS: Record<string, string> = { linux: 'linux', darwin: 'osx', win32: 'win' };

function packageName(): string {
  return `Azure.Bicep.CommandLine.${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`;
}

function packageFolder(): string {
  const packages = process.env.NUGET_PACKAGES ?? join(homedir(), '.nuget', 'packages');
  return join(packages, packageName().toLowerCase(), BICEP_VERSION);
}

/** @returns the error, or undefined if the package exists */
function restore(): string | undefined {
  const why = `bicep ${BICEP_VERSION} or newer is not on PATH`;
  if (run('dotnet', ['--version']).status !== 0) return `${why}, and dotnet is not installed to restore it`;
  const folder = mkdtempSync(join(tmpdir(), 'hubfront-bicep-'));
  try {
    const project = join(folder, 'bicep.csproj');
    writeFileSync(
      project,
      `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>netstandard2.0</TargetFramework>
    <DisableImplicitFrameworkReferences>true</DisableImplicitFrameworkReferences>
    <AutomaticallyUseReferenceAssemblyPackages>false</AutomaticallyUseReferenceAssemblyPackages>
  </PropertyGroup>
  <ItemGroup><PackageDownload Include="${packageName()}" Version="[${BICEP_VERSION}]" /></ItemGroup>
</Project>
`,
    );
    const { status, stdout, stderr } = run('dotnet', ['restore', project], RESTORE_TIMEOUT_MS);
    if (status === 0) return undefined;
    return `${why}, and dotnet could not restore ${packageName()}: ${(stdout + stderr).trim()}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
