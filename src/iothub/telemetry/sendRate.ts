/**
 * Minimum rate after a reduction, operations per second. It is high enough to detect when the hub accepts more. With 16
 * gateways, each waits at most 0.7 s.
 */
const MIN_PER_SECOND = 25;
/** The rate after a reduction, relative to the rate that the hub accepted before. */
const CUT = 0.8;
/**
 * An operation that is throttled within this time after a reduction started before it. It causes no further reduction.
 */
const CUT_PAUSE_MS = 500;
/** Time without throttling after which the rate has doubled. The increase is proportional to the square of the time. */
const DOUBLING_MS = 10_000;
/** After this time without throttling, there is no limit. */
const FORGET_MS = 60_000;
/** After a pause, as many operations may start at once as the rate allows in this time. */
const BURST_MS = 200;
const WINDOW_MS = 1_000;

/**
 * The rate of an instance's send operations, which all gateways share. The app knows neither the hub's tier nor the
 * number of instances. So no operation waits until the hub throttles. Then the rate falls below the rate that the hub
 * has accepted, and grows until the hub throttles again.
 */
export interface SendRate {
  /** Counts one operation. @returns ms until it may start */
  take: () => number;
  /** The hub has stored the messages of an operation. */
  accepted: () => void;
  /** The hub has refused an operation, because there were too many within a second. */
  throttled: () => void;
}

/** @param now a clock, ms */
export function createSendRate(now: () => number = () => performance.now()): SendRate {
  /** operations per second at `throttledAt` */
  let limit = Infinity;
  let throttledAt = -Infinity;
  let cutAt = -Infinity;
  let nextStart = -Infinity;
  const acceptances = createWindow();

  /** operations per second */
  function rateAt(time: number): number {
    if (time - throttledAt > FORGET_MS) limit = Infinity;
    return limit === Infinity ? limit : limit * (1 + ((time - throttledAt) / DOUBLING_MS) ** 2);
  }

  return {
    take: () => {
      const time = now();
      nextStart = Math.max(nextStart, time - BURST_MS);
      const wait = Math.max(0, nextStart - time);
      nextStart += 1_000 / rateAt(time);
      return wait;
    },
    accepted: () => {
      acceptances.count(now());
    },
    throttled: () => {
      const time = now();
      limit = rateAt(time);
      if (time - cutAt >= CUT_PAUSE_MS) {
        limit = Math.max(MIN_PER_SECOND, CUT * Math.min(limit, acceptances.perSecond(time)));
        cutAt = time;
        nextStart = Math.max(nextStart, time + 1_000 / limit);
      }
      throttledAt = time;
    },
  };
}

/**
 * Counts events of about the last second with two counters: the current window, and the part of the previous window
 * that lies within the last second.
 */
function createWindow() {
  let start = -Infinity;
  let count = 0;
  let before = 0;
  const move = (time: number): void => {
    if (time - start < WINDOW_MS) return;
    before = time - start < 2 * WINDOW_MS ? count : 0;
    count = 0;
    start = time;
  };
  return {
    count: (time: number): void => {
      move(time);
      count += 1;
    },
    perSecond: (time: number): number => {
      move(time);
      const rest = 1 - (time - start) / WINDOW_MS;
      return ((count + before * rest) * 1_000) / WINDOW_MS;
    },
  };
}
