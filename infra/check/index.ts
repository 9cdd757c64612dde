import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bicep, findBicep } from './bicep';

/** `npm run infra:check`: checks that the Bicep files compile without warnings, pass the linter, and are formatted. */
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

/** Lists the problems of the Bicep files in a folder. A warning counts as an error. */
export function checkBicep(bicep: Bicep, folder: string): string[] {
  const main = join(folder, 'main.bicep');
  const built = bicep('build', main, '--stdout');
  const problems = diagnostics(built.stderr, built.status, `bicep build ${main}`);
  // Linting repeats the compiler's messages, and adds those of the linter.
  const linted = bicep('lint', main);
  problems.push(...diagnostics(linted.stdout + linted.stderr, linted.status, `bicep lint ${main}`));
  problems.push(...unformatted(bicep, folder));
  return [...new Set(problems)];
}

function diagnostics(output: string, status: number, command: string): string[] {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return status !== 0 && lines.length === 0 ? [`${command} ended with ${status}`] : lines;
}

/** Formats all files at once, in a copy, because starting the compiler for each file would take longer. */
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
