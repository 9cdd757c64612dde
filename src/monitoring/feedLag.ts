import type { Log } from '../logging';
import type { MetricSummary, SendMetric } from './customMetric';

/** Name of the metric that the alert `feed-lag` reads. */
export const FEED_LAG_METRIC = 'FeedLagSeconds';
/** Azure Monitor keeps one value per minute, so values are aggregated for a minute. */
const WINDOW_MS = 60_000;

/** The result of one poll, as far as it affects the lag. */
export interface PollResult {
  /** age of the newest message of the page; 0 if the worker has read everything */
  lagSeconds: number;
  messages: number;
}

export interface FeedLag {
  /** @param log the log of the poll's invocation */
  record: (poll: PollResult, log: Pick<Log, 'info' | 'warn'>) => void;
}

/**
 * Reports how far workers are behind: as a metric and as one log line per minute. Both are written by the first poll
 * after the minute. If no worker polls, both stop, and the alert `feed-stopped` fires.
 *
 * @param send undefined: only the log is written, for example in local runs
 */
export function createFeedLag(send: SendMetric | undefined, now: () => number = Date.now): FeedLag {
  let polls = 0;
  let messages = 0;
  let lag: MetricSummary | undefined;
  let reportedAt = -Infinity;
  let failure: string | undefined;

  return {
    record: (poll, log) => {
      polls += 1;
      messages += poll.messages;
      lag = added(lag, poll.lagSeconds);
      const time = now();
      if (time - reportedAt < WINDOW_MS) return;
      log.info(`Feed: ${polls} poll(s), ${messages} message(s), at most ${lag.max.toFixed(1)} s behind`);
      // The failure of the previous send is logged here, because the invocation of that send has ended.
      if (failure !== undefined) log.warn(`The metric ${FEED_LAG_METRIC} was not sent: ${failure}`);
      failure = undefined;
      send?.(FEED_LAG_METRIC, lag, new Date(time)).catch((error: unknown) => {
        failure = error instanceof Error ? error.message : 'unknown error';
      });
      reportedAt = time;
      polls = 0;
      messages = 0;
      lag = undefined;
    },
  };
}

function added(summary: MetricSummary | undefined, value: number): MetricSummary {
  if (summary === undefined) return { min: value, max: value, sum: value, count: 1 };
  return {
    min: Math.min(summary.min, value),
    max: Math.max(summary.max, value),
    sum: summary.sum + value,
    count: summary.count + 1,
  };
}
