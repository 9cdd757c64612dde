/** The figures of the docs that come from `bench/results`, and the result that each of them must equal. */
import type { Result } from '../../bench/measure';
import { ANALYTICS_PASSAGES } from './analyticsFigures';
import { after, exactRatio, find, median, numberIn, peer, ratio, result, resultsIn } from './benchResults';
import { PERFORMANCE, type Passage, SENDING_PASSAGES } from './sendingFigures';

const COLD_START = 'docs/cold-start.md';
const FEED_DECISION = 'docs/decisions/0002-own-feed-reader.md';

const PACKAGES = 'the same packages';
const NOTHING = 'an app that imports nothing';
const loadRow = (node: string): number[] => [
  median('load', `load, Node ${node}`, PACKAGES),
  peer('load', `load, Node ${node}`, PACKAGES),
  ratio('load', `load, Node ${node}`, PACKAGES),
  ratio('load', `its CPU time, Node ${node}`),
];
const allCodeAtLoad = (node: string): number => ratio('load', `load with all parts run, Node ${node}`);
const emptyApp = (node: string): number => peer('load', `load, Node ${node}`, NOTHING);

const KINDS = ['send', 'poll', 'register'] as const;
const cold = (steps: number): number[] =>
  KINDS.map((kind) => after('firstRequest', `first ${kind}, not warmed up`, steps).median);
const warmedUp = (steps: number): Result[] =>
  KINDS.map((kind) => after('firstRequest', `first ${kind}, warmed up, a second later`, steps));

const frozen = (what: string): number[] => [
  peer('freeze', `${what} after 10 s`),
  ...['10 s', '60 s', '600 s'].map((time) => median('freeze', `${what} after ${time}`)),
];

const MANAGEMENT = 'a bare $management trip for them';
const feedRow = (what: string, against?: string): number[] =>
  ['', ', the feed alone'].flatMap((alone) =>
    ['4 partitions', '32 partitions'].map((partitions) => {
      const [work = '', ...conditions] = what.split('; ');
      const name = [work, partitions, ...conditions].join(', ') + alone;
      return exactRatio('feed', name, against);
    }),
  );

const SDK = "Microsoft's SDK as the reader";
const sdkResult = (what: string, partitions: number): Result =>
  result('feed:sdk', `${what}, ${partitions} partitions, the feed alone`, SDK);
const sdkRatios = (what: string): number[] => [4, 32].map((n) => sdkResult(what, n).ratio ?? NaN);
function sdkRow(messages: string, partitions: number): number[] {
  const { median: own, peerMedian = NaN, ratio: ofTimes } = sdkResult(`${messages} messages`, partitions);
  const { ratio: ofCpu } = sdkResult(`CPU of ${messages} messages`, partitions);
  return [own, peerMedian, ofTimes ?? NaN, ofCpu ?? NaN];
}

const { mqtt = [] } = resultsIn('2026-11-26-mqtt');
/** Of the emulator, of `aedes`, and the ratio. */
function mqttRow(what: string): number[] {
  const { median: own, peerMedian = NaN, ratio: measured } = find(mqtt, what);
  return [own, peerMedian, measured ?? NaN];
}

const { emulator = [] } = resultsIn('2026-11-26-emulator');
/** Of this emulator, of the older one, the ratio, and its quartiles. */
function emulatorRow(what: string): number[] {
  const {
    median: own,
    peerMedian = NaN,
    ratio: measured,
    ratioLow = NaN,
    ratioHigh = NaN,
  } = find(emulator, what);
  return [own, peerMedian, measured ?? NaN, ratioLow, ratioHigh];
}

export const PASSAGES: readonly Passage[] = [
  ...SENDING_PASSAGES,
  ...ANALYTICS_PASSAGES,
  {
    page: PERFORMANCE,
    text: '| messages per second | {} | {} | {} |',
    values: mqttRow('MQTT telemetry'),
  },
  {
    page: PERFORMANCE,
    text: '| CPU time of the server per message | {} µs | {} µs | {} |',
    values: mqttRow('CPU of the server'),
  },
  {
    page: PERFORMANCE,
    text: '| memory of 10,000 idle connections | {} MB | {} MB | {} |',
    values: mqttRow('memory of 10,000 idle'),
  },
  {
    page: PERFORMANCE,
    text: '| sent over HTTPS | {} µs | {} µs | {} ({} to {} by rounds) |',
    values: emulatorRow('CPU of the emulator a message sent'),
  },
  {
    page: PERFORMANCE,
    text: '| read over AMQP | {} µs | {} µs | {} ({} to {} by rounds) |',
    values: emulatorRow('CPU of the emulator a message read'),
  },
  {
    page: COLD_START,
    text: '| {} ms in our measurement on Node 24, of which Node and the worker alone take {} ms |',
    values: [median('load', 'load, Node 24', PACKAGES), emptyApp('24')],
  },
  {
    page: COLD_START,
    text: '| 20.20.2 | {} ms | {} ms | {}× | {}× | {}× | {} ms |',
    values: [...loadRow('20'), allCodeAtLoad('20'), emptyApp('20')],
  },
  {
    page: COLD_START,
    text: '| 22.23.3 | {} ms | {} ms | {}× | {}× | no ratio | {} ms |',
    values: [...loadRow('22'), emptyApp('22')],
  },
  {
    page: COLD_START,
    text: '| 24.21.0 | {} ms | {} ms | {}× | {}× | {}× | {} ms |',
    values: [...loadRow('24'), allCodeAtLoad('24'), emptyApp('24')],
  },
  {
    page: COLD_START,
    text: 'The app takes {} times as long as an app without imports on Node 20, and {} times on Node 24.',
    values: [ratio('load', 'load, Node 20', NOTHING), ratio('load', 'load, Node 24', NOTHING)],
  },
  {
    page: COLD_START,
    text: '`NODE_COMPILE_CACHE` (Node 22 and newer) saves {}% on a restart',
    values: [100 - 100 * ratio('load', 'load with a compile cache, Node 24')],
  },
  {
    page: COLD_START,
    text: '| warm | {} ms | {} ms | {} ms |',
    values: KINDS.map((kind) => peer('firstRequest', `first ${kind}, not warmed up`)),
  },
  {
    page: COLD_START,
    text: '| first, connections closed: additional round trips on the wire | {} | {} | {} |',
    values: cold(2),
  },
  {
    page: COLD_START,
    text: '| first, connections closed: additional time in units of 40 ms | {} | {} | {} |',
    values: cold(1),
  },
  {
    page: COLD_START,
    text: '| first, 1 s after load: additional round trips on the wire | {} | {} | {} |',
    values: warmedUp(2).map((one) => one.median),
  },
  {
    page: COLD_START,
    text: '| first, 1 s after load: additional time in units of 40 ms (fastest tenth of the rounds) | {} ({}) | {} ({}) | {} ({}) |',
    values: warmedUp(1).flatMap((one) => [one.median, one.low]),
  },
  ...[
    ['register', 'register'],
    ['send', 'send'],
    ['feed', 'feed'],
    ['feed with wait', 'feed with wait'],
    ['ping devices', 'ping devices'],
    ['ping messages', 'ping messages'],
    ['ping feed', 'ping message_feed'],
  ].map(([row = '', what = '']) => ({
    page: COLD_START,
    text: `| ${row} | {} ms | {} ms | {} ms | {} ms |`,
    values: frozen(what),
  })),
  ...[
    ['CPU', 'CPU', 'µs'],
    ['of which garbage collection', 'of which garbage collection,', 'µs'],
    ['allocated', 'allocated', 'KB'],
  ].map(([row = '', what = '', unit = '']) => ({
    page: COLD_START,
    text: `| ${row} | {} ${unit} | {} ${unit} |`,
    values: [median('cost', `${what} a send`), median('cost', `${what} a polled message`)],
  })),
  ...['after load', 'after 100,000 sends', 'after 1,000,000 polled messages'].map((row) => ({
    page: COLD_START,
    text: `| ${row} | {} MB | {} MB |`,
    values: [median('cost', `heap ${row}`), median('cost', `resident memory ${row}`)],
  })),
  {
    page: PERFORMANCE,
    text: '| no new messages | a bare `$management` round trip | {} / {} | {} / {} |',
    values: feedRow('nothing new', MANAGEMENT),
  },
  {
    page: PERFORMANCE,
    text: '| no new messages, hub 2 ms away | the same | {} / {} | {} / {} |',
    values: feedRow('nothing new; hub 2 ms away', MANAGEMENT),
  },
  {
    page: PERFORMANCE,
    text: "| 1,000 messages | a bare `rhea` receiver's time | {} / {} | {} / {} |",
    values: feedRow('1000 messages', 'a bare rhea receiver'),
  },
  {
    page: PERFORMANCE,
    text: '| 10,000 messages | the same | {} / {} | {} / {} |',
    values: feedRow('10000 messages', 'a bare rhea receiver'),
  },
  {
    page: PERFORMANCE,
    text: '| 1,000 messages | the time with `FEED_CLIENT=sdk` | not measured | {} / {} |',
    values: sdkRatios('1000 messages'),
  },
  {
    page: PERFORMANCE,
    text: '| 10,000 messages | the same | not measured | {} / {} |',
    values: sdkRatios('10000 messages'),
  },
  {
    page: PERFORMANCE,
    text: 'uses {} (4 partitions) or {} (32) times the CPU time of the process with the SDK for 10,000 messages',
    values: sdkRatios('CPU of 10000 messages'),
  },
  ...['1,000', '10,000'].flatMap((messages) =>
    [4, 32].map((partitions) => ({
      page: FEED_DECISION,
      text: `| ${messages}, ${partitions} | {} ms | {} ms | {} | {} |`,
      values: sdkRow(messages.replace(',', ''), partitions),
    })),
  ),
  {
    page: PERFORMANCE,
    text: 'A poll with `wait=10` ends {} ms (4 partitions) or {} ms (32) after its message arrives.',
    values: [4, 32].map((count) => median('feed', `wait=10 sees a message, ${count} partitions`)),
  },
  {
    page: PERFORMANCE,
    text: 'a poll at its end takes {} times as long as a poll at its beginning. Three polls of different partitions lost {} of {} messages.',
    values: [
      ratio('backlog', '1000000 of 1000000'),
      numberIn(result('feed', '3 polls of partitions').what, /: (\d+) of \d+ messages lost/),
      numberIn(result('feed', '3 polls of partitions').what, /: \d+ of (\d+) messages lost/),
    ],
  },
  {
    page: PERFORMANCE,
    text: 'with one offset for all partitions and 5 s per poll, lost {} of them.',
    values: [numberIn(result('feed', '3 polls of partitions').against, /: (\d+) of \d+ messages lost/)],
  },
  {
    page: PERFORMANCE,
    text: 'Loading takes {} times as long as loading the same packages unbundled on Node 20, {} on Node 22 and {} on Node 24.',
    values: ['20', '22', '24'].map((node) => ratio('load', `load, Node ${node}`, PACKAGES)),
  },
];
