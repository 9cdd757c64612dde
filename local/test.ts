import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildApp } from './build';

/** `npm test`: builds the app, since the tests drive what is deployed, then runs vitest with the given arguments. */
export async function main(argv: readonly string[]): Promise<void> {
  await buildApp();
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const { status } = spawnSync(process.execPath, [vitest, 'run', ...argv], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
