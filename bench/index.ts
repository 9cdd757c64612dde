import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { buildApp } from '../local/build';
import { benchAnalytics } from './analytics';
import { benchBacklog } from './backlog';
import { checkBounds } from './check';
import { benchFeed } from './feed';
import { benchFirstRequest } from './firstRequest';
import { benchLoad } from './load';
import { benchSending } from './sending';

/** Each gives the lines of a table of its own. */
const BENCHES: Readonly<Record<string, () => Promise<object[]>>> = {
  feed: benchFeed,
  backlog: benchBacklog,
  sending: benchSending,
  load: () => benchLoad(),
  firstRequest: benchFirstRequest,
  analytics: benchAnalytics,
};

/** `npm run bench [-- name … | --check]`: ratios within one run; absolute times are this machine's and mean nothing elsewhere. */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes('--check')) {
    await buildApp();
    process.exitCode = (await checkBounds()) ? 0 : 1;
    return;
  }
  const unknown = argv.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    console.error(`no bench is called ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}`);
    process.exitCode = 1;
    return;
  }
  await buildApp();
  const results: object[] = [];
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (argv.length === 0 || argv.includes(name)) {
      const lines = await bench();
      console.table(lines);
      results.push(...lines);
    }
  }
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
