/** Shows the health of the analytics job in one line. */

import type { View } from '../view';
import { counted, duration, minuteOf } from './format';

export function pipelineLine({ now, job, pipeline }: View): string {
  const { dropped, late, references, next, missing, events, oldest } = pipeline;
  if (job.status === 'waiting' && events === 0) return 'Analytics job: waiting for product data';
  const lost = dropped
    .filter((one) => one.events > 0)
    .map(({ reason, events: count }) =>
      reason === 'malformed' ? counted(count, 'malformed event') : `${counted(count, 'event')} ${reason}`,
    );
  const [newest] = [...references].sort((a, b) => a.validFrom.localeCompare(b.validFrom)).slice(-1);
  const age = newest ? duration(Date.parse(now) - Date.parse(newest.validFrom)) : '';
  return [
    `Analytics job: ${counted(events, 'event')} processed`,
    lost.length === 0 ? 'none dropped' : `${lost.join(' and ')} dropped`,
    ...(late > 0 ? [`${late} late`] : []),
    newest
      ? `product data ${age} old (${references.map(({ name, rows }) => `${rows} ${name === 'skus' ? 'SKUs' : name}`).join(', ')})`
      : 'no product data yet',
    ...(next ? [`new product data from ${minuteOf(next.validFrom)}`] : []),
    ...(oldest ? [`oldest event kept: ${minuteOf(oldest)}`] : []),
    ...(missing.length > 0 ? [`the query's output lacks ${missing.join(', ')}`] : []),
  ].join(' · ');
}

/** Separate from the line, because it is not shown while the figures are old. */
export const lagText = ({ pipeline: { lagMs } }: View): string =>
  lagMs === null ? ' · delay not measured yet' : ` · delay from IoT Hub to dashboard: ${duration(lagMs)}`;
