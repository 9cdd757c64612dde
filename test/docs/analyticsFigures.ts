/** The figures of Stream Analytics queries on files and of the live job, and the result that each of them must equal. */
import { find, numberIn, resultsIn } from './benchResults';
import { PERFORMANCE, type Passage } from './sendingFigures';

const { 'analytics:files': files = [] } = resultsIn('2026-11-26-analytics-files');

/** The throughput relative to SQL: without metadata, and with it. */
const throughputs = (query: string): number[] =>
  ['without', 'with'].map((metadata) => {
    const what = `analytics: ${query} (CPU time), 1,000,000 events ${metadata} metadata`;
    const { median, peerMedian = NaN } = find(files, what);
    return peerMedian / median;
  });

const { 'analytics:memory': memory = [] } = resultsIn('2026-11-26-analytics-memory');

/** The peak memory for 1,000,000 events, and for 10,000,000, MB. */
function peaks(query: string): number[] {
  const { median, peerMedian = NaN } = find(memory, `analytics: peak memory of ${query}, 10,000,000 events`);
  return [peerMedian, median];
}

const { 'analytics:job': job = [] } = resultsIn('2026-11-26-analytics-job');
const MANY_EVENTS = find(job, 'analytics: memory over 1,000,000 events');
const RATE = /\(([\d,]+) events(?: per|\/s)/;

/** Events per second and per CPU second, of the job or of the SDK beside it. */
const rates = (query: string, of: 'what' | 'against'): number[] =>
  ['second', 'CPU second'].map((per) => {
    const one = job.find(({ what }) => what.includes(`by ${query} (`) && what.endsWith(` per ${per})`));
    return numberIn(one?.[of], RATE);
  });

const JOB_PASSAGES: readonly Passage[] = [
  ...['the deployed query', 'the first query'].map((query) => ({
    page: PERFORMANCE,
    text: `| ${query} | {} | {} |`,
    values: rates(query, 'what'),
  })),
  {
    page: PERFORMANCE,
    text: '| the SDK alone | {} | {} |',
    values: rates('the first query', 'against'),
  },
  {
    page: PERFORMANCE,
    text: '| the deployed query, with a dashboard open | {} | not measured |',
    values: [numberIn(MANY_EVENTS.what, RATE)],
  },
  {
    page: PERFORMANCE,
    text: 'Its last tenth used {} MB, and its second tenth {} MB.',
    values: [MANY_EVENTS.median, MANY_EVENTS.peerMedian ?? NaN],
  },
];

const QUERIES = ['filter', 'tumbling window', 'hopping window', 'reference join', 'LAG'];

export const ANALYTICS_PASSAGES: readonly Passage[] = [
  ...JOB_PASSAGES,
  ...QUERIES.map((query) => ({
    page: PERFORMANCE,
    text: `| ${query} | {}× | {}× |`,
    values: throughputs(query),
  })),
  ...[...QUERIES, 'stream join', 'sliding window'].map((query) => ({
    page: PERFORMANCE,
    text: `| ${query} | {} MB | {} MB |`,
    values: peaks(query),
  })),
];
