/** The figures of Stream Analytics queries on files, and the result that each of them must equal. */
import { find, resultsIn } from './benchResults';
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

const QUERIES = ['filter', 'tumbling window', 'hopping window', 'reference join', 'LAG'];

export const ANALYTICS_PASSAGES: readonly Passage[] = QUERIES.flatMap((query) => [
  { page: PERFORMANCE, text: `| ${query} | {}× | {}× |`, values: throughputs(query) },
  { page: PERFORMANCE, text: `| ${query} | {} MB | {} MB |`, values: peaks(query) },
]);
