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
const { 'sending:fronts': fronts = [], 'sending:visitors': cpu = [] } = resultsIn('2026-11-26-sending');
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
  {
    page: PERFORMANCE,
    text: '| relative to the bare proxy | {} | {} |',
    values: BUSY.map((busy) => workerCpu(busy, BARE).ratio ?? NaN),
  },
  {
    page: PERFORMANCE,
    text: '| relative to ordinary devices of the same app | {} to {} by rounds | {} |',
    values: [
      workerCpu(BUSY[0], 'ordinary devices').ratioLow ?? NaN,
      workerCpu(BUSY[0], 'ordinary devices').ratioHigh ?? NaN,
      workerCpu(BUSY[1], 'ordinary devices').ratio ?? NaN,
    ],
  },
  {
    page: PERFORMANCE,
    text: 'A lone send of a visitor takes {} times as long',
    values: [visitors('a lone send of a visitor').ratio ?? NaN],
  },
];
