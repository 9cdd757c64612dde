/** The times that a query can have, as DuckDB takes them. */

import { DuckDBTimestampValue } from '@duckdb/node-api';

/** 0001-01-01, µs since 1970: as a bound, it is before all times. */
export const MIN_US = -62_135_596_800_000_000;
/** 10000-01-01, µs since 1970: as a bound, it is the last time before that. */
export const MAX_US = 253_402_300_800_000_000;

/** @param us µs since 1970 */
export const timestamp = (us: number): DuckDBTimestampValue => new DuckDBTimestampValue(boundOf(us));

/** The numbers next to the first and last time are not exact. */
function boundOf(us: number): bigint {
  if (us <= MIN_US) return BigInt(MIN_US) - 1n;
  return us >= MAX_US ? BigInt(MAX_US) - 1n : BigInt(Math.floor(us));
}
