/** The command that runs the benchmarks. */

import { benchAnalytics } from './analytics';
import { benchAnalyticsFiles } from './analyticsFiles';
import { benchAnalyticsMemory } from './analyticsMemory';
import { benchBacklog } from './backlog';
import { checkBounds } from './check';
import { benchCost } from './cost';
import { benchEmulator } from './emulator';
import { benchFeed, benchFeedReaders, benchOriginalFeed } from './feed';
import { benchFirstRequest } from './firstRequest';
import { benchFreeze } from './freeze';
import { benchHostile } from './hostile';
import { benchLoad } from './load';
import { benchScaling } from './scaling';
import { type Result, tableLine } from './measure';
import { benchMqtt } from './mqtt';
import { buildApp } from '../local/build';
import { saveRun } from './results';
import { benchSending, benchVisitors } from './sending';

interface Bench {
  /** what is measured, and its peer */
  measures: string;
  run: () => Promise<Result[]>;
}

/** The file of each bench explains its choice of peer. */
const BENCHES: Readonly<Record<string, Bench>> = {
  load: {
    measures: 'fresh process to "functions registered", against the same packages unbundled and an empty app',
    run: () => benchLoad(),
  },
  firstRequest: {
    measures: "each function's first answer, the hub 40 ms away, against its warm answers",
    run: benchFirstRequest,
  },
  freeze: {
    measures:
      "each function's answer after 10 s, 1 and 10 minutes frozen, connections dead, against its warm one",
    run: benchFreeze,
  },
  cost: {
    measures: 'CPU, allocations, garbage collection and memory of sends and of polled messages',
    run: benchCost,
  },
  'sending:fronts': {
    measures: 'sends over 32 connections, against bare proxies, nginx and a client per request',
    run: benchSending,
  },
  'sending:visitors': {
    measures: "visitors' single sends, against ordinary devices and a bare proxy in the same host",
    run: benchVisitors,
  },
  emulator: {
    measures: 'CPU of the emulator for sends and reads, against that of the checkout in BENCH_BASE',
    run: () => benchEmulator(),
  },
  hostile: {
    measures: 'CPU for hostile bodies, against an ordinary body of the same inflated size',
    run: () => benchHostile(),
  },
  mqtt: {
    measures: 'MQTT telemetry over 1,000 connections and 10,000 idle ones, against a bare aedes',
    run: benchMqtt,
  },
  scaling: {
    measures: "a synthetic day against IoT Hub's throttles, in a simulation",
    run: benchScaling,
  },
  'feed:4': { measures: 'polls of 4 partitions, against a bare rhea client', run: () => benchFeed(4) },
  'feed:32': { measures: 'polls of 32 partitions, against a bare rhea client', run: () => benchFeed(32) },
  'feed:sdk:4': {
    measures: "polls of 4 partitions, against Microsoft's SDK as the reader",
    run: () => benchFeedReaders(4),
  },
  'feed:sdk:32': {
    measures: "polls of 32 partitions, against Microsoft's SDK as the reader",
    run: () => benchFeedReaders(32),
  },
  'feed:original': { measures: "what the original's design loses", run: benchOriginalFeed },
  backlog: { measures: 'a backlog of 1,000,000: its end against its beginning', run: benchBacklog },
  'analytics:job': {
    measures: 'events through the live job, against the SDK that only reads',
    run: benchAnalytics,
  },
  'analytics:files': {
    measures: 'queries on files, against hand-written DuckDB SQL',
    run: benchAnalyticsFiles,
  },
  'analytics:memory': {
    measures: 'memory of queries on a file of 10,000,000 events, against a tenth of them',
    run: benchAnalyticsMemory,
  },
};

/** Whether `asked` names a bench or the group that it belongs to: `feed` is all of `feed:…`. */
const selects = (asked: string, name: string): boolean => name === asked || name.startsWith(`${asked}:`);

/**
 * `npm run bench [-- name … | --check]`: prints ratios within one run. Absolute times are only valid for this machine.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const unknown = argv.filter(
    (asked) => asked !== '--check' && !Object.keys(BENCHES).some((name) => selects(asked, name)),
  );
  if (unknown.length > 0) {
    console.error(`There is no bench ${unknown.join(', ')}. There are:`);
    for (const [name, { measures }] of Object.entries(BENCHES)) console.error(`  ${name}: ${measures}`);
    process.exitCode = 1;
    return;
  }
  await buildApp();
  if (argv.includes('--check')) {
    process.exitCode = (await checkBounds()) ? 0 : 1;
    return;
  }
  const results: Record<string, Result[]> = {};
  for (const [name, { measures, run }] of Object.entries(BENCHES)) {
    if (argv.length > 0 && !argv.some((asked) => selects(asked, name))) continue;
    console.log(`\n${name}: ${measures}`);
    results[name] = await run();
    console.table(results[name].map(tableLine));
  }
  console.log(`\nwritten to ${await saveRun(results)}`);
}
