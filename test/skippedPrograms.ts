import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter } from 'vitest/node';

/** Where the test files of one run note the programs that they miss. */
const NOTES = join('node_modules', '.hubfront-skipped-programs');

/** Notes a program whose tests are skipped. Test files run in processes of their own, hence a file. */
export function noteSkipped(line: string): void {
  appendFileSync(NOTES, `${line}\n`);
}

/** Prints the skipped programs at the end of a run. */
export default class SkippedPrograms implements Reporter {
  onInit(): void {
    rmSync(NOTES, { force: true });
  }

  onTestRunEnd(): void {
    if (!existsSync(NOTES)) return;
    const lines = new Set(readFileSync(NOTES, 'utf8').trimEnd().split('\n'));
    console.log(['Skipped tests of missing programs:', ...lines].join('\n  '));
  }
}
