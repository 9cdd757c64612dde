/** Benchmark of the message feed. */

import { EVENT_HUB_NAME, POLICIES } from '../emulator/index';
import { startFunctionsHost } from '../local/functionsHost';
import { startEmulatorProcess } from './emulatorProcess';
import { startHubProxy } from './hubProxy';
import { type Result, measuredInAlternation, result } from './measure';
import { startMeasuredProcess } from './measuredProcess';
import { pollAsTheOriginal } from './originalFeed';
import { createPollClient, readResponse } from './pollClient';
import { startRawProcess } from './rawProcess';
import type { PollReply, PollRequest } from './runFeed';

const KEY = 'bench';
/** More rounds for few messages, because short rounds vary more on a busy machine. */
const ROUNDS = { 1_000: 81, 10_000: 21 } as const;
/** The rounds of the two readers differ more. */
const READER_ROUNDS = { 1_000: 301, 10_000: 41 } as const;
const EMPTY_POLLS = 500;
/** Rounds for warming up. A worker polls for days, so optimized code is compared with optimized code. */
const WARM_ROUNDS = { 1_000: 60, 10_000: 10 } as const;
const WARM_POLLS = 2_000;
/** Typical round trip to a hub in the same region. */
const SAME_REGION_MS = 2;
const WAITS = 60;
/** Time before a message is sent, so that the poll is certainly waiting. */
const BEFORE_ARRIVAL_MS = 60;
const MAX_LIMIT = 10_000;

type Bench = Awaited<ReturnType<typeof start>>;

/**
 * Measures polls through the app and the dev host, on warm connections with warm code, until the last byte of the
 * response. They are compared with a bare `rhea` client of the same emulator, which is the minimum for any reader of
 * the endpoint. The feed alone, in a separate process, is measured as well: the difference is the time of the local
 * host. Messages have 200 bytes.
 */
export const benchFeed = (partitions: number): Promise<Result[]> =>
  measured(partitions, [
    [nothingNew, 0],
    [nothingNew, SAME_REGION_MS],
    [(bench: Bench) => backlog(bench, 1_000), 0],
    [(bench: Bench) => backlog(bench, 10_000), 0],
    [waiting, 0],
  ]);

/**
 * Compares the feed alone with the same feed with `FEED_CLIENT=sdk`. The bare receiver in the same rounds shows how much
 * of both is the pace of the emulator and of decoding frames.
 */
export const benchFeedReaders = (partitions: number): Promise<Result[]> =>
  measured(partitions, [
    [(bench: Bench) => againstSdk(bench, 1_000), 0],
    [(bench: Bench) => againstSdk(bench, 10_000), 0],
  ]);

/** Each on an endpoint of its own. */
async function measured(
  partitions: number,
  runs: readonly (readonly [run: (bench: Bench) => Promise<Result[]>, roundTripMs: number])[],
): Promise<Result[]> {
  const results: Result[] = [];
  for (const [run, roundTripMs] of runs) {
    const bench = await start(partitions, roundTripMs);
    try {
      results.push(...(await run(bench)));
    } finally {
      await bench.close();
    }
  }
  return results;
}

/** @param roundTripMs simulated round trip to the hub's AMQP endpoint, in addition to the loopback interface */
async function start(partitions: number, roundTripMs = 0) {
  const emulator = await startEmulatorProcess(partitions);
  const proxy = roundTripMs > 0 ? await startHubProxy(emulator.amqpPort, roundTripMs) : undefined;
  const { hubPort } = emulator;
  const partitionIds = Array.from({ length: partitions }, (_, i) => String(i));
  const amqpPort = proxy?.port ?? emulator.amqpPort;
  const settings = emulator.settingsAt({ hubPort, amqpPort });
  const host = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    functionKeys: { host: { bench: KEY } },
    log: (line) => {
      if (!line.includes('] information: ')) console.error(line);
    },
    settings: () => settings,
  });
  const { poll, close } = createPollClient(host.url, KEY);
  const startFeed = (reader: 'amqp' | 'sdk') =>
    startMeasuredProcess<PollRequest, PollReply>('bench/runFeed.ts', { ...settings, FEED_CLIENT: reader });
  const feed = await startFeed('amqp');
  const sdkFeed = await startFeed('sdk');
  const raw = await startRawProcess({
    port: amqpPort,
    hub: EVENT_HUB_NAME,
    group: 'analytics',
    policy: 'service',
    key: POLICIES.service.key,
    partitions: partitionIds,
  });
  return {
    partitionIds,
    roundTripMs,
    emulator,
    poll,
    /** Without a host and without HTTP. */
    pollAlone: (after: string) => feed.ask({ after, limit: MAX_LIMIT }),
    /** The same with Microsoft's SDK as the reader. */
    pollThroughSdk: (after: string) => sdkFeed.ask({ after, limit: MAX_LIMIT }),
    raw,
    close: async () => {
      close();
      await Promise.all([feed.close(), sdkFeed.close(), raw.close()]);
      await host.close();
      proxy?.close();
      await emulator.close();
    },
  };
}

/**
 * Compares with one bare round trip to `$management` in two forms: with a call per partition, which is needed to know
 * that there are no new messages, and with a single call, which is the minimum.
 */
async function nothingNew(bench: Bench): Promise<Result[]> {
  const { partitionIds, roundTripMs, raw } = bench;
  const { next_offset: after } = readResponse(await bench.poll({ after_offset: 0 }));
  const where = roundTripMs > 0 ? `, hub ${roundTripMs} ms away` : '';
  const results: Result[] = [];
  for (const [how, poll] of waysOf(bench)) {
    const subjects = {
      feed: async () => (await poll(after)).ms,
      allPartitions: () => raw.readPartitions(partitionIds),
      onePartition: () => raw.readPartitions(['0']),
    };
    const times = await measuredInAlternation(EMPTY_POLLS, subjects, WARM_POLLS);
    const what = `nothing new, ${partitionIds.length} partitions${where}${how}`;
    results.push(
      result(what, times.feed, 'a bare $management trip for them', times.allPartitions),
      result(what, times.feed, 'a bare $management trip for one partition', times.onePartition),
    );
  }
  return results;
}

type Backlog = keyof typeof ROUNDS;

async function backlog(bench: Bench, messages: Backlog): Promise<Result[]> {
  const { partitionIds, emulator, raw } = bench;
  const state = await emulator.seed(messages);
  const counts = new Map(state.partitions.map(({ partitionId, count }) => [partitionId, count]));
  const results: Result[] = [];
  for (const [how, poll] of waysOf(bench)) {
    const subjects = { feed: async () => (await poll('0')).ms, raw: () => raw.drain(counts) };
    const times = await measuredInAlternation(ROUNDS[messages], subjects, WARM_ROUNDS[messages]);
    const count = (await poll('0')).count();
    if (count !== messages) throw new Error(`the feed returned ${count} of ${messages} messages`);
    const what = `${messages} messages, ${partitionIds.length} partitions${how}`;
    results.push(result(what, times.feed, 'a bare rhea receiver', times.raw));
  }
  return results;
}

async function againstSdk(
  { partitionIds, emulator, pollAlone, pollThroughSdk, raw }: Bench,
  messages: Backlog,
): Promise<Result[]> {
  const state = await emulator.seed(messages);
  const counts = new Map(state.partitions.map(({ partitionId, count }) => [partitionId, count]));
  const subjects = {
    feed: () => pollAlone('0'),
    sdk: () => pollThroughSdk('0'),
    raw: async () => ({ ms: await raw.drain(counts), cpuMs: NaN }),
  };
  const rounds = await measuredInAlternation<keyof typeof subjects, Pick<PollReply, 'ms' | 'cpuMs'>>(
    READER_ROUNDS[messages],
    subjects,
    WARM_ROUNDS[messages],
  );
  const ms = (reader: keyof typeof subjects): number[] => rounds[reader].map((round) => round.ms);
  const cpu = (reader: keyof typeof subjects): number[] => rounds[reader].map((round) => round.cpuMs);
  const what = `${messages} messages, ${partitionIds.length} partitions`;
  const [alone, sdk] = [`${what}, the feed alone`, "Microsoft's SDK as the reader"];
  return [
    result(alone, ms('feed'), sdk, ms('sdk')),
    result(alone, ms('feed'), 'a bare rhea receiver', ms('raw')),
    result(`${what}, a bare rhea receiver`, ms('raw'), sdk, ms('sdk')),
    result(`CPU of ${alone}`, cpu('feed'), sdk, cpu('sdk')),
  ];
}

interface Polled {
  ms: number;
  /** reads the response, which takes longer than the poll */
  count: () => number;
}

/** Through the host, and without it. */
const waysOf = ({ poll, pollAlone }: Bench) => {
  const pollHost = async (after: string): Promise<Polled> => {
    const start = performance.now();
    const parts = await poll({ limit: MAX_LIMIT, after_offset: after });
    const ms = performance.now() - start;
    return { ms, count: () => readResponse(parts).messages.length };
  };
  const pollFeed = async (after: string): Promise<Polled> => {
    const { ms, messages } = await pollAlone(after);
    return { ms, count: () => messages };
  };
  return [
    ['', pollHost],
    [', the feed alone', pollFeed],
  ] as const;
};

/** Measures the time from the arrival of a message at the hub to the end of the response to a waiting poll. */
async function waiting({ partitionIds, emulator, poll }: Bench): Promise<Result[]> {
  let { next_offset: after } = readResponse(await poll({ after_offset: 0 }));
  const times: number[] = [];
  for (let i = 0; i < WAITS; i += 1) {
    const polled = poll({ wait: 10, after_offset: after });
    await new Promise((resolve) => setTimeout(resolve, BEFORE_ARRIVAL_MS));
    const start = performance.now();
    await emulator.seed(1);
    const answer = readResponse(await polled);
    times.push(performance.now() - start);
    if (answer.messages.length !== 1) throw new Error('a waiting poll came back without its message');
    after = answer.next_offset;
  }
  return [result(`wait=10 sees a message, ${partitionIds.length} partitions`, times)];
}

/**
 * Measures the design of the proof of concept, and the messages that it loses if partitions differ: three polls while
 * messages arrive.
 */
export async function benchOriginalFeed(): Promise<Result[]> {
  const bench = await start(4);
  const { emulator, poll } = bench;
  try {
    const seen = { original: new Set<string>(), feed: new Set<string>() };
    const name = (m: { partitionId: string; sequenceNumber: number }): string =>
      `${m.partitionId}/${m.sequenceNumber}`;
    const times: { original: number[]; feed: number[] } = { original: [], feed: [] };
    let [offset, cursor, sent] = ['-1', '0', 0];
    for (let round = 1; round <= 3; round += 1) {
      for (let partition = 0; partition < 4; partition += 1) {
        const count = 100 * (partition + 1);
        await emulator.seed(count, { partitionId: String(partition) });
        sent += count;
      }
      let start = performance.now();
      const old = await pollAsTheOriginal(emulator.settings.IOTHUB_EVENTHUB_CONNECTION, '$Default', offset);
      times.original.push(performance.now() - start);
      offset = old.nextOffset;
      for (const message of old.messages) seen.original.add(name(message));

      start = performance.now();
      const answer = readResponse(await poll({ limit: 10_000, after_offset: cursor }));
      times.feed.push(performance.now() - start);
      cursor = answer.next_offset;
      for (const message of answer.messages) seen.feed.add(name(message));
    }
    const what = (label: string, got: Set<string>): string =>
      `${label}: ${sent - got.size} of ${sent} messages lost`;
    return [
      result(
        what("3 polls of partitions that differ, the feed's design", seen.feed),
        times.feed,
        what("the original's design", seen.original),
        times.original,
      ),
    ];
  } finally {
    await bench.close();
  }
}
