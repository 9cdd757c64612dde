/** Shows the health of the analytics job in one line. */

import type { View } from '../view';
import { counted, duration, minuteOf } from './format';

export function pipelineLine({ now, job, pipeline }: View): string {
  const { dropped, late, references, next, missing, events, oldest } = pipeline;
  if (job.status === 'waiting' && events === 0) return 'Analytics job: waiting for product data';
  const lost = dropped.reduce((sum, one) => sum + one.events, 0);
  const reasons = dropped.map((one) => `${one.events} ${one.reason}`).join(', ');
  const [newest] = [...references].sort((a, b) => a.validFrom.localeCompare(b.validFrom)).slice(-1);
  const age = newest ? duration(Date.parse(now) - Date.parse(newest.validFrom)) : '';
  return [
    `Analytics job: ${counted(events, 'event')} processed`,
    lost === 0 ? 'none dropped' : `${counted(lost, 'event')} dropped (${reasons})`,
    ...(late > 0 ? [`${late} late`] : []),
    newest
      ? `product data ${age} old (${references.map(({ name, rows }) => `${rows} ${name === 'skus' ? 'SKUs' : name}`).join(', ')})`
      : 'no product data yet',
    ...(next ? [`new product data from ${minuteOf(next.validFrom)}`] : []),
    ...(oldest ? [`rows kept since ${minuteOf(oldest)}`] : []),
    ...(missing.length > 0 ? [`the query's output lacks ${missing.join(', ')}`] : []),
  ].join(' · ');
}

/** Separate from the line, because it is not shown while the figures are old. */
export const lagText = ({ pipeline: { lagMs } }: View): string =>
  lagMs === null ? ' · no lag measured yet' : ` · lag ${duration(lagMs)}`;
