/** Limits the regular expressions of REGEXMATCH, whose compilation and matching cost time and memory by their size. */

import type { Position } from './ast';
import { QueryError } from './queryError';

/**
 * Maximum size of a literal pattern. A pattern of this size takes about 0.5 s and 10 MB for the largest event
 * (256 KB, the limit of IoT Hub).
 */
const MAX_LITERAL_SIZE = 5_000;
/** Maximum size of a pattern from an event, which is compiled anew for each event. A larger one gives NULL. */
const MAX_EVENT_SIZE = 1_000;
/** The size of a Unicode class, such as \p{L}, in characters. */
const CLASS_SIZE = 100;

/** The size of a pattern: its characters times its repetition counts, of which groups multiply each other. */
function sizeOf(pattern: string): number {
  const classes = pattern.match(/\\p/gi)?.length ?? 0;
  const counts = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].map(([, least, most]) =>
    Math.max(1, Number(least), Number(most ?? 0)),
  );
  const repetitions = pattern.includes('){')
    ? counts.reduce((product, count) => product * count, 1)
    : Math.max(1, ...counts);
  return (pattern.length + CLASS_SIZE * classes) * repetitions;
}

/** @throws {QueryError} for a literal pattern that is too large */
export function requirePatternSize(pattern: string, at: Position): void {
  const size = sizeOf(pattern);
  if (size > MAX_LITERAL_SIZE)
    throw new QueryError(
      `the pattern of REGEXMATCH is too large: its length times its repetition counts is ${size}, but must not exceed ${MAX_LITERAL_SIZE}`,
      at,
    );
}

/** SQL of a pattern from an event, NULL if it is too large. The size is that of `sizeOf`. */
export const limitedPattern = (pattern: string): string =>
  `CASE WHEN len(${pattern}) <= ${MAX_EVENT_SIZE} THEN CASE WHEN asa_pattern_size(${pattern}) <= ${MAX_EVENT_SIZE} THEN ${pattern} END END`;

/** DuckDB macros for {@link limitedPattern}. */
export const PATTERN_MACROS: readonly string[] = [
  `asa_pattern_counts(p) AS list_transform(regexp_extract_all(p, '\\{[0-9]+(?:,[0-9]*)?\\}'), lambda c:
     list_max(list_transform(regexp_extract_all(c, '[0-9]+'), lambda n: coalesce(greatest(TRY_CAST(n AS DOUBLE), 1), 1))))`,
  `asa_pattern_size(p) AS (len(p) + ${CLASS_SIZE} * len(regexp_extract_all(p, '\\\\[pP]'))) * CASE WHEN contains(p, '){')
     THEN coalesce(list_product(asa_pattern_counts(p)), 1) ELSE coalesce(list_max(asa_pattern_counts(p)), 1) END`,
];
