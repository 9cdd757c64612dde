import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { buildApp } from '../local/build';
import { benchAnalytics } from './analytics';
import { benchBacklog } from './backlog';
import { benchFeed } from './feed';
import { benchLoad } from './load';
import type { Result } from './measure';

const BENCHES: Readonly<Record<string, () => Promise<Result[]>>> = {
  feed: benchFeed,
  backlog: benchBacklog,
  load: () => benchLoad(),
  analytics: benchAnalytics,
};

/** `npm run bench [-- name …]`: ratios within one run; absolute times are this machine's and mean nothing elsewhere. */
export async function main(argv: readonly string[]): Promise<void> {
  const unknown = argv.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    console.error(`no bench is called ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}`);
    process.exitCode = 1;
    return;
  }
  await buildApp();
  const results: Result[] = [];
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (argv.length === 0 || argv.includes(name)) results.push(...(await bench()));
  }
  console.table(results);
  const run = {
    date: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    results,
  };
  await mkdir('bench/results', { recursive: true });
  await writeFile(
    `bench/results/${run.date.replaceAll(':', '-')}.json`,
    `${JSON.stringify(run, undefined, 2)}\n`,
  );
}
