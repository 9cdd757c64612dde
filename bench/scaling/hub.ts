/** IoT Hub's throttles as its documentation describes them (iot-hub-devguide-quotas-throttling). */

export type Tier = 'S1' | 'S2' | 'S3';

interface TierLimits {
  sendsPerSecond: (units: number) => number;
  registryPerSecond: (units: number) => number;
  messagesPerDay: number;
}

export const LIMITS: Record<Tier, TierLimits> = {
  S1: {
    sendsPerSecond: (units) => Math.max(100, 12 * units),
    registryPerSecond: (units) => (100 * units) / 60,
    messagesPerDay: 400_000,
  },
  S2: {
    sendsPerSecond: (units) => 120 * units,
    registryPerSecond: (units) => (100 * units) / 60,
    messagesPerDay: 6_000_000,
  },
  S3: {
    sendsPerSecond: (units) => 6_000 * units,
    registryPerSecond: (units) => (5_000 * units) / 60,
    messagesPerDay: 300_000_000,
  },
};

/** "For the first minute or two", twice the limit is processed immediately: so many seconds' worth of excess. */
const BURST_SECONDS = 60;
/** The documentation says that the queue is limited, and not how long it is. A throttled client is told to wait 10 s. */
const QUEUE_SECONDS = 10;

/** A throttle with traffic shaping: first a burst, then a queue, then 429. In steps of one second. */
export interface Throttle {
  /**
   * @param maxOutstanding operations that clients have under way at once
   * @returns operations that were begun, those of them that the hub rejects with 429, and the time in its queue, in s
   */
  offer: (
    operations: number,
    maxOutstanding?: number,
  ) => { begun: number; rejected: number; waitSeconds: number };
}

export function createThrottle(perSecond: number): Throttle {
  let burst = perSecond * BURST_SECONDS;
  let queued = 0;
  return {
    offer: (operations, maxOutstanding = Infinity) => {
      const room = perSecond + burst;
      const processed = Math.min(queued + operations, room);
      burst = Math.min(perSecond * BURST_SECONDS, room - processed);
      const rest = queued + operations - processed;
      const outstanding = Math.min(rest, maxOutstanding);
      queued = Math.min(outstanding, perSecond * QUEUE_SECONDS);
      return {
        begun: operations - (rest - outstanding),
        rejected: outstanding - queued,
        waitSeconds: queued / perSecond,
      };
    },
  };
}
