import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bicep, findBicep } from './bicep';

/** `npm run infra:check`: Bicep compiles without a warning, lints, and is formatted. */
export function main(argv: readonly string[]): Promise<void> {
  const folder = argv[0] ?? 'infra';
  const bicep = findBicep();
  if (typeof bicep === 'string') {
    console.error(`infra:check cannot run: ${bicep}.`);
    process.exitCode = 1;
    return Promise.resolve();
  }
  const problems = checkBicep(bicep, folder);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`infra:check: ${bicep('--version').stdout.trim()}; builds, lints and is formatted`);
  return Promise.resolve();
}

/** What is wrong with the Bicep files of a folder; a warning is as bad as an error. */
export function checkBicep(bicep: Bicep, folder: string): string[] {
  const main = join(folder, 'main.bicep');
  const built = bicep('build', main, '--stdout');
  const problems = diagnostics(built.stderr, built.status, `bicep build ${main}`);
  // Linting tells the same again, and what only the linter looks at.
  const linted = bicep('lint', main);
  problems.push(...diagnostics(linted.stdout + linted.stderr, linted.status, `bicep lint ${main}`));
  problems.push(...unformatted(bicep, folder));
  return [...new Set(problems)];
}

function diagnostics(output: string, status: number, command: string): string[] {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return status !== 0 && lines.length === 0 ? [`${command} ended with ${status}`] : lines;
}

/** All files at once, in a copy: a compiler start per file takes longer than all its work. */
function unformatted(bicep: Bicep, folder: string): string[] {
  const copy = mkdtempSync(join(tmpdir(), 'hubfront-format-'));
  try {
    cpSync(folder, copy, { recursive: true });
    const { status, stderr } = bicep('format', '--pattern', join(copy, '**', '*.bicep'));
    if (status !== 0) return [stderr.trim()];
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.bicep'))
      .filter((file) => readFileSync(join(folder, file), 'utf8') !== readFileSync(join(copy, file), 'utf8'))
      .map((file) => `${join(folder, file)} is not formatted: run bicep format on it`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
