import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildApp } from './build';
import { buildWebClient } from './buildWebClient';

/** Test files that import this module have long runs, which `npm test` shortens. */
const TEST_SIZE = 'test/testSize.ts';
/** The tag of tests that only the full run has, in their file or in a file that it imports. */
const FULL_TAG = /(?:\btags\b|@module-tag).*\bfull\b/;

/**
 * `npm test`: builds the app and the web client, because the tests use the deployed bundles, then runs vitest with the
 * given arguments, without the tests that have the tag `full`. `--full` runs these tests, and long tests completely. It
 * runs only the files that have either of them, unless files are named.
 */
export async function main(argv: readonly string[]): Promise<void> {
  await Promise.all([buildApp(), buildWebClient()]);
  const full = argv.includes('--full');
  const rest = argv.filter((argument) => argument !== '--full');
  const namesFiles = rest.some((argument) => !argument.startsWith('-'));
  const command = full && !namesFiles ? ['related', TEST_SIZE, ...filesWithFullTests(), '--run'] : ['run'];
  const hasFullTests = full || rest.some((argument) => argument.startsWith('--tags-filter'));
  if (!hasFullTests) command.push('--tags-filter=!full');
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const { status } = spawnSync(process.execPath, [vitest, ...command, ...rest], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(full && { HUBFRONT_TEST_FULL: '1' }),
      ...(hasFullTests && { HUBFRONT_FULL_TESTS: '1' }),
    },
  });
  process.exitCode = status ?? 1;
}

function filesWithFullTests(): string[] {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .map((name) => join('test', name))
    .filter((path) => path.endsWith('.ts') && FULL_TAG.test(readFileSync(path, 'utf8')));
}
