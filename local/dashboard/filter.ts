/** The filter that a viewer of the dashboard has chosen. */

import * as z from 'zod';
import { sqlText } from '../../analytics/query';

/** Time ranges in minutes, with the minutes per bar of the chart. */
export const RANGES = [
  { minutes: 15, bucketMinutes: 1 },
  { minutes: 60, bucketMinutes: 1 },
  { minutes: 360, bucketMinutes: 5 },
  { minutes: 1_440, bucketMinutes: 15 },
] as const;
export type Range = (typeof RANGES)[number];
const DEFAULT_RANGE: Range = RANGES[1];

const MAX_EVENT_CHARACTERS = 200;

export interface Filter {
  range: Range;
  /** undefined: all events */
  event: string | undefined;
  /** undefined: all products */
  productId: string | undefined;
}

const parameters = z.object({
  range: z.coerce.number().optional().catch(undefined),
  event: z.string().max(MAX_EVENT_CHARACTERS).optional().catch(undefined),
  product: z
    .string()
    .regex(/^-?\d{1,19}$/)
    .optional()
    .catch(undefined),
});

/** Reads `?range=60&event=purchase&product=162`. Malformed values count as absent. */
export function readFilter(query: Readonly<Record<string, string>>): Filter {
  const { range, event, product } = parameters.parse(query);
  return {
    range: RANGES.find(({ minutes }) => minutes === range) ?? DEFAULT_RANGE,
    event: event === '' ? undefined : event,
    productId: product,
  };
}

/** A key that is equal for equal filters. */
export const filterKey = ({ range, event, productId }: Filter): string =>
  JSON.stringify([range.minutes, event, productId]);

/** The SQL condition of the rows that match a filter. */
export function filterSql({ range, event, productId }: Filter): string {
  return [
    `__ts > (now() AT TIME ZONE 'UTC') - INTERVAL '${range.minutes} minutes'`,
    ...(event === undefined ? [] : [`event = ${sqlText(event)}`]),
    ...(productId === undefined ? [] : [`product_id = TRY_CAST(${sqlText(productId)} AS BIGINT)`]),
  ].join(' AND ');
}
