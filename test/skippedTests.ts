import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { HAS_FULL_TESTS } from './testSize';

/** Where the test files of one run note the programs that they miss. */
const NOTES = join('node_modules', '.hubfront-skipped-programs');

/** Notes a program whose tests are skipped. Test files run in processes of their own, hence a file. */
export function noteSkipped(line: string): void {
  appendFileSync(NOTES, `${line}\n`);
}

/** Prints at the end of a run which tests were skipped: those of missing programs, and those of the full run. */
export default class SkippedTests implements Reporter {
  onInit(): void {
    rmSync(NOTES, { force: true });
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap(({ children }) => [...children.allTests('skipped')]);
    const full = skipped.filter(({ tags }) => tags.includes('full')).length;
    if (full > 0 && !HAS_FULL_TESTS) console.log(`${full} tests run only with npm run test:full`);
    if (!existsSync(NOTES)) return;
    const lines = new Set(readFileSync(NOTES, 'utf8').trimEnd().split('\n'));
    console.log(['Skipped tests of missing programs:', ...lines].join('\n  '));
  }
}
