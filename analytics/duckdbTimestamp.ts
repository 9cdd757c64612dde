/** The times that a query can have, as DuckDB takes them. */

import { DuckDBTimestampValue } from '@duckdb/node-api';

/** 0001-01-01, µs since 1970 */
export const MIN_US = -62_135_596_800_000_000;
/** 9999-12-31, µs since 1970 */
export const MAX_US = 253_402_300_799_000_000;

/** @param us µs since 1970 */
export const timestamp = (us: number): DuckDBTimestampValue =>
  new DuckDBTimestampValue(BigInt(Math.floor(us)));
