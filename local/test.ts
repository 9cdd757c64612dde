import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildApp } from './build';
import { buildWebClient } from './buildWebClient';

/** Test files that import this module have long runs, which `npm test` shortens. */
const TEST_SIZE = 'test/testSize.ts';

/**
 * `npm test`: builds the app and the web client, because the tests use the deployed bundles, then runs vitest with the
 * given arguments. `--full` runs long tests completely and, unless files are named, only the files that have long runs.
 */
export async function main(argv: readonly string[]): Promise<void> {
  await Promise.all([buildApp(), buildWebClient()]);
  const full = argv.includes('--full');
  const rest = argv.filter((argument) => argument !== '--full');
  const namesFiles = rest.some((argument) => !argument.startsWith('-'));
  const command = full && !namesFiles ? ['related', TEST_SIZE, '--run'] : ['run'];
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const { status } = spawnSync(process.execPath, [vitest, ...command, ...rest], {
    stdio: 'inherit',
    env: { ...process.env, ...(full && { HUBFRONT_TEST_FULL: '1' }) },
  });
  process.exitCode = status ?? 1;
}
