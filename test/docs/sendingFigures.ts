/** The figures of sending, and the result that each of them must equal. */
import type { Result } from '../../bench/measure';
import { find, resultsIn } from './benchResults';

/** A passage of a page. Each `{}` is a figure, in the order of `values`. */
export interface Passage {
  page: string;
  text: string;
  values: readonly number[];
}

export const PERFORMANCE = 'docs/performance.md';

/** The runs that the page names in its sections. */
const { sending = [] } = resultsIn('2026-11-26');
const { 'sending:fronts': fronts = [] } = resultsIn('2026-11-26-sending');
const { 'sending:visitors': cpu = [] } = resultsIn('2026-11-26-visitors');
const visitors = (what: string, against?: string): Result => find(sending, what, against);
const workerCpu = (busy: string, against: string): Result =>
  find(cpu, `worker's CPU a visitor's message, ${busy}`, against);
const BARE = 'node:http + undici pool, as a function in the same host';
const BUSY = ['32 connections', '256 connections'] as const;

/** Before and after 100,000 sends. */
function memory(): number[] {
  const { median: after, peerMedian: before = NaN } = find(fronts, 'resident memory');
  return [before, after];
}
/** CPU time per request. */
const frontCpu = (front: string): number => find(fronts, 'CPU a send', front).peerMedian ?? NaN;
const cpuRow = (front: string, value: number): Passage => ({
  page: PERFORMANCE,
  text: `| ${front} | {} µs |`,
  values: [value],
});

/** The function that does all but the validation and the send. */
const RESPONDING = BUSY.map((busy) =>
  find(cpu, `CPU of the function that reads the body and returns a response, ${busy}`),
);
const OPERATIONS = BUSY.map((busy) => find(cpu, `operations of the hub a visitor's message, ${busy}`).median);
const operationUs = ({ median, peerMedian = NaN }: Result): number => peerMedian - median;
/** How much of the proxy's throughput is possible with so many operations per message, at the proxy's price. */
const limitWith = (bound: Result | undefined, operations = NaN): number =>
  bound ? (bound.peerMedian ?? NaN) / (bound.median + operations * operationUs(bound)) : NaN;
const cpuOfProcess = (of: string, results: readonly Result[]): Passage => ({
  page: PERFORMANCE,
  text: `| ${of} | {} | {} |`,
  values: results.map(({ ratio }) => ratio ?? NaN),
});

export const SENDING_PASSAGES: readonly Passage[] = [
  cpuRow('the app | 1 | 1', find(fronts, 'CPU a send').median),
  cpuRow(
    'a bare proxy (`node:http` and an `undici` pool) as a function in the same host | 1.27 | 0.86',
    frontCpu(BARE),
  ),
  cpuRow('the same proxy without a host, in one process | 2.6 | 0.38', frontCpu('node:http + undici pool')),
  cpuRow('nginx with CORS headers | 3.3 | 0.32', frontCpu('nginx')),
  cpuRow(
    'proof of concept: a client per request, connections reused | 1.1 | 0.97',
    frontCpu("the original's design, connections kept"),
  ),
  cpuRow(
    'proof of concept: a client and a connection per request | 0.22 | 3.7',
    frontCpu("the original's design, a connection each"),
  ),
  {
    page: PERFORMANCE,
    text: "increased the memory of the app's process from {} MB to {} MB",
    values: memory(),
  },
  {
    page: PERFORMANCE,
    text: '| messages per second, relative to ordinary devices of the same app | {} | {} |',
    values: BUSY.map((busy) => visitors(`visitors' sends, ${busy}`, 'ordinary devices').ratio ?? NaN),
  },
  {
    page: PERFORMANCE,
    text: '| messages per second, relative to the bare proxy | {} to {} by rounds | {} |',
    values: [
      visitors(`visitors' sends, ${BUSY[0]}`, BARE).ratioLow ?? NaN,
      visitors(`visitors' sends, ${BUSY[0]}`, BARE).ratioHigh ?? NaN,
      visitors(`visitors' sends, ${BUSY[1]}`, BARE).ratio ?? NaN,
    ],
  },
  {
    page: PERFORMANCE,
    text: '| send operations of the hub per message | {} | {} |',
    values: BUSY.map((busy) => visitors(`operations of the hub a visitor's message, ${busy}`).median),
  },
  {
    page: PERFORMANCE,
    text: '| p99 in ms; that of ordinary devices | {}; {} | {}; {} |',
    values: BUSY.map((busy) => visitors(`p99 of visitors, ${busy}`)).flatMap(
      ({ median: own, peerMedian }) => [own, peerMedian ?? NaN],
    ),
  },
  cpuOfProcess(
    'the app, visitors, relative to the bare proxy',
    BUSY.map((busy) => workerCpu(busy, BARE)),
  ),
  cpuOfProcess(
    'the app, visitors, relative to ordinary devices',
    BUSY.map((busy) => workerCpu(busy, 'ordinary devices')),
  ),
  cpuOfProcess(
    "a function that parses the body and returns a response like the app's, relative to the bare proxy",
    RESPONDING,
  ),
  cpuOfProcess(
    'an empty function, relative to the bare proxy',
    BUSY.map((busy) => find(cpu, `CPU of the empty function in the same host, ${busy}`)),
  ),
  {
    page: PERFORMANCE,
    text: 'reaches at most {} times the throughput of the proxy with 32 connections, and {} times with 256',
    values: RESPONDING.map(({ median, peerMedian = NaN }) => peerMedian / median),
  },
  {
    page: PERFORMANCE,
    text: 'The proxy needs {} µs or {} µs more, for one send operation per message',
    values: RESPONDING.map(operationUs),
  },
  {
    page: PERFORMANCE,
    text: "the {} and {} operations of a visitor's message reduce",
    values: OPERATIONS,
  },
  {
    page: PERFORMANCE,
    text: 'reduce the limits to {} and {}. With 4 gateways and 32 connections (0.23 operations), the limit is {}',
    values: [
      ...RESPONDING.map((bound, n) => limitWith(bound, OPERATIONS[n])),
      limitWith(RESPONDING[0], 0.23),
    ],
  },
  {
    page: PERFORMANCE,
    text: 'A lone send of a visitor takes {} times as long',
    values: [visitors('a lone send of a visitor').ratio ?? NaN],
  },
];
