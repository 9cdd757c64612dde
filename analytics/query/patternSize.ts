/** Limits the regular expressions of REGEXMATCH, whose compilation and matching cost time and memory by their size. */

import type { Position } from './ast';
import { QueryError } from './queryError';

/**
 * Maximum size of a literal pattern. A pattern of this size takes about 0.5 s and 10 MB for the largest event
 * (256 KB, the limit of IoT Hub).
 */
const MAX_LITERAL_SIZE = 5_000;
/** Maximum size of a pattern of REGEXMATCH or LIKE from an event, which is compiled anew for each event. A larger one gives NULL. */
export const MAX_EVENT_SIZE = 2_000;
/** The size of a Unicode class, such as \p{L}, in characters. */
const CLASS_SIZE = 100;

/** In RE2, a count also belongs to a group if an empty quotation, \Q\E, is between them. */
const AFTER_GROUP = '(?:\\)|\\\\E)';
const COUNT = '\\{[0-9]+(?:,[0-9]*)?\\}';

/** The size of a pattern: its characters times its largest repetition count, times each count of a group, as groups nest. */
function sizeOf(pattern: string): number {
  const classes = pattern.match(/\\p/gi)?.length ?? 0;
  let [largest, ofGroups] = [1, 1];
  for (const [count] of pattern.matchAll(new RegExp(`${AFTER_GROUP}?${COUNT}`, 'g'))) {
    const most = Math.max(1, ...(count.match(/\d+/g) ?? []).map(Number));
    if (count.startsWith('{')) largest = Math.max(largest, most);
    else ofGroups *= most;
  }
  return (pattern.length + CLASS_SIZE * classes) * largest * ofGroups;
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
  `asa_pattern_counts(p, form) AS list_transform(regexp_extract_all(p, form), lambda c:
     list_max(list_transform(regexp_extract_all(c, '[0-9]+'), lambda n: coalesce(greatest(TRY_CAST(n AS DOUBLE), 1), 1))))`,
  `asa_pattern_size(p) AS (len(p) + ${CLASS_SIZE} * len(regexp_extract_all(p, '\\\\[pP]')))
     * coalesce(list_max(asa_pattern_counts(regexp_replace(p, '${AFTER_GROUP}${COUNT}', ')', 'g'), '${COUNT}')), 1)
     * coalesce(list_product(asa_pattern_counts(p, '${AFTER_GROUP}${COUNT}')), 1)`,
];
