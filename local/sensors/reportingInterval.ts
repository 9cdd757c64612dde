/** The desired property `reportingInterval`: how often a sensor sends its temperature, in seconds. */

import * as z from 'zod';

/** Without the desired property, in seconds. */
export const DEFAULT_INTERVAL_S = 10;
const MAX_INTERVAL_S = 86_400;

const interval = z.number().int().min(1).max(MAX_INTERVAL_S);
const desired = z.object({ reportingInterval: z.unknown() });

/** What the sensor reports back as reported properties. null removes a property. */
export interface ReportedInterval {
  /** The interval that it uses now, in seconds. */
  reportingInterval: number;
  /** Why it does not use the desired value. */
  reportingIntervalError: string | null;
}

/**
 * The interval after a change of desired properties, or undefined if the change is about other properties. An invalid
 * value is not used: the sensor keeps its interval and reports the error.
 *
 * @param change the changed desired properties; null removes a property
 * @param current in seconds
 */
export function changedInterval(change: unknown, current: number): ReportedInterval | undefined {
  const read = desired.safeParse(change);
  const wanted = read.data?.reportingInterval;
  if (wanted === undefined) return undefined;
  if (wanted === null) return { reportingInterval: DEFAULT_INTERVAL_S, reportingIntervalError: null };
  const { data } = interval.safeParse(wanted);
  return data === undefined
    ? {
        reportingInterval: current,
        reportingIntervalError: `It must be a whole number of seconds from 1 to ${MAX_INTERVAL_S}.`,
      }
    : { reportingInterval: data, reportingIntervalError: null };
}
