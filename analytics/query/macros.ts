/** DuckDB macros that convert values as Stream Analytics does. */

import { ISO_MACROS, OFFSET } from './isoDates';
import { PATTERN_MACROS } from './patternSize';
import { modulus } from './types';

/** As in looseJson.ts. */
const LOOSE = `',[ \\t\\r\\n]*[}\\]]|(?:^|[:,\\[ \\t\\r\\n-])(?i:nan|inf(?:inity)?)(?:[,}\\] \\t\\r\\n]|$)'`;

/** −2^63, as a float. */
const LEAST_BIGINT = '(-9223372036854775808::DOUBLE)';
const NO_BIGINT = '100000000000000000000::HUGEINT';

/** Fields of an event from IoT Hub that are not of its payload, in lower case. */
const METADATA_NAMES = "['eventprocessedutctime', 'partitionid', 'eventenqueuedutctime', 'iothub']";

/**
 * DuckDB macros for values whose type depends on the event. Such a value has DuckDB's type `JSON`. A missing field and
 * JSON's `null` are both NULL. Failed conversions return NULL.
 */
export const MACROS: readonly string[] = [
  ...PATTERN_MACROS,
  // A float beyond its range is null.
  `asa_finite(x) AS CASE WHEN isfinite(x) THEN x END`,
  `asa_plain_pointer(name) AS '/' || replace(replace(name, '~', '~0'), '/', '~1')`,
  // A number would also be the index of an element. Stream Analytics reads elements only by GetArrayElement.
  `asa_pointer(name) AS CASE WHEN regexp_full_match(name, '[0-9]+|-') THEN '$."' || name || '"' ELSE asa_plain_pointer(name) END`,
  // Names are case-insensitive. The exact name is tried first, because it nearly always matches.
  `asa_name_ci(j, name) AS list_filter(json_keys(j), lambda k: lower(k) = lower(name))[1]`,
  `asa_present(j) AS CASE WHEN j::VARCHAR = 'null' THEN NULL ELSE j END`,
  `asa_field(j, name) AS asa_present(coalesce(json_extract(j, asa_pointer(name)), json_extract(j, asa_pointer(asa_name_ci(j, name)))))`,
  // The same for a name that is known to be no number, which DuckDB plans faster.
  `asa_plain_field(j, name) AS asa_present(coalesce(json_extract(j, asa_plain_pointer(name)), json_extract(j, asa_plain_pointer(asa_name_ci(j, name)))))`,

  // One object with the values at some paths, named v1, v2 and so on.
  `asa_fields(j, paths) AS ('{' || array_to_string(list_transform(paths, lambda path, i: '"v' || i || '":' ||
     coalesce(list_reduce(list_prepend(j::VARCHAR, path), lambda outer_json, name: asa_field(outer_json::JSON, name)::VARCHAR), 'null')), ',') || '}')::JSON`,

  // Converts a pattern of LIKE that comes from an event to a regular expression.
  `asa_like_set(s) AS regexp_replace(s, '([\\\\^$.*+?()\\[\\]{}|/])', '\\\\\\1', 'g')`,
  `asa_like_expression(p) AS array_to_string(list_transform(regexp_extract_all(p, '\\[.[^\\]]*\\]|.', 0, 's'), lambda c:
     CASE WHEN c = '%' THEN '.*' WHEN c = '_' THEN '.' WHEN len(c) = 1 THEN asa_like_set(c)
     WHEN c LIKE '[^_%' AND len(c) > 3 THEN '[^' || asa_like_set(c[3:-2]) || ']' ELSE '[' || asa_like_set(c[2:-2]) || ']' END), '')`,

  `asa_is_int(j) AS json_type(j) IN ('BIGINT', 'UBIGINT')`,
  `asa_is_number(j) AS json_type(j) IN ('BIGINT', 'UBIGINT', 'DOUBLE', 'BOOLEAN')`,
  // A datetime whose type depends on the event is a text with an escaped Z. DuckDB never writes this escape, so that no
  // text of an event looks like it, and a datetime inside a record is an ordinary text.
  `asa_is_datetime(j) AS coalesce(j::VARCHAR LIKE '"____-__-__T__:__:__.______0\\u005a"', false)`,
  `asa_type(j) AS CASE json_type(j) WHEN 'VARCHAR' THEN CASE WHEN asa_is_datetime(j) THEN 'datetime' ELSE 'nvarchar(max)' END
     WHEN 'BIGINT' THEN 'bigint' WHEN 'UBIGINT' THEN 'bigint' WHEN 'DOUBLE' THEN 'float' WHEN 'BOOLEAN' THEN 'bit'
     WHEN 'OBJECT' THEN 'record' WHEN 'ARRAY' THEN 'array' ELSE 'any' END`,
  // The usual forms are recognized by their text, because json_type parses it.
  `asa_string(j) AS CASE WHEN starts_with(j::VARCHAR, '"') OR json_type(j) = 'VARCHAR' THEN j->>'$' END`,
  `asa_number(j) AS CASE WHEN j::VARCHAR < ':' AND j::VARCHAR > '-' THEN TRY_CAST(j::VARCHAR AS DOUBLE) ELSE CASE json_type(j)
     WHEN 'BIGINT' THEN TRY_CAST(j->>'$' AS DOUBLE) WHEN 'UBIGINT' THEN TRY_CAST(j->>'$' AS DOUBLE)
     WHEN 'DOUBLE' THEN TRY_CAST(j->>'$' AS DOUBLE) WHEN 'BOOLEAN' THEN CASE WHEN j->>'$' = 'true' THEN 1 ELSE 0 END END END`,

  // MIN and MAX of two values: of numbers if there are any, otherwise of texts.
  ...(['<', '>'] as const).map(
    (order) => `asa_${order === '<' ? 'min' : 'max'}(a, b) AS CASE
     WHEN asa_number(b) IS NOT NULL THEN CASE WHEN asa_number(a) IS NULL OR asa_number(b) ${order} asa_number(a) THEN b ELSE a END
     WHEN asa_string(b) IS NOT NULL AND asa_number(a) IS NULL AND (a IS NULL OR asa_string(b) ${order} asa_string(a)) THEN b ELSE a END`,
  ),

  `asa_text_bigint(s) AS CASE WHEN regexp_full_match(s, '\\s*[+-]?[0-9]+\\s*') THEN TRY_CAST(trim(s) AS BIGINT) END`,
  `asa_text_float(s) AS CASE WHEN regexp_full_match(s, '\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?\\s*') THEN asa_finite(TRY_CAST(trim(s) AS DOUBLE)) END`,
  // .NET's datetime, 0001 to 9999.
  `asa_in_range(t) AS CASE WHEN t BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999' THEN t END`,
  `asa_with_seconds(s) AS regexp_replace(s, '([T ][0-9]{2}:[0-9]{2})(Z|[+-].*)$', '\\1:00\\2')`,
  ...ISO_MACROS,
  // "String converted to datetime following ISO 8601 standard" (data types): without an offset, the time is UTC. The
  // usual forms are tried first, because regular expressions are slow.
  `asa_text_datetime(s) AS coalesce(CASE WHEN s LIKE '____-__-__T__:__:__%Z' AND strlen(s) <= 28 AND NOT ends_with(s, '.Z') AND NOT contains(s, ' ') AND s >= '0001-01-01' AND s < '9999-12-31T24'
     THEN TRY_CAST(s AS TIMESTAMP) END, CASE
     WHEN regexp_full_match(s, '\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\\s*') THEN asa_in_range(TRY_CAST(trim(s) AS TIMESTAMP))
     WHEN regexp_full_match(s, '\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(z|${OFFSET})?\\s*')
     THEN asa_in_range(timezone('UTC', TRY_CAST(asa_with_seconds(CASE
       WHEN regexp_matches(s, ':.*(z|${OFFSET})\\s*$') THEN upper(trim(s)) ELSE upper(trim(s)) || 'Z' END) AS TIMESTAMPTZ)))
     WHEN regexp_matches(s, '^\\s*[0-9]{4}-?[0-9Ww]') THEN asa_iso_datetime(s) END)`,
  `asa_text_bit(s) AS CASE WHEN lower(trim(s)) IN ('true', '1') THEN true WHEN lower(trim(s)) IN ('false', '0') THEN false END`,
  // DuckDB also reads a comma before a closing bracket, NaN and infinity.
  `asa_is_strict(s) AS CASE WHEN regexp_matches(s, ${LOOSE}) THEN NOT regexp_matches(regexp_replace(s, '"(?s:\\\\.|[^"\\\\])*("|\\\\?$)', '""', 'g'), ${LOOSE}) ELSE true END`,
  // "When reading bigint datatypes outside the range … InputDeserializationError" (data types): such an event is dropped.
  `asa_is_oversized(s) AS CASE WHEN regexp_matches(s, '(^|[:,\\[ \\t\\r\\n-])[0-9]{19}') THEN len(list_filter(
     regexp_extract_all(regexp_replace(s, '"(\\\\.|[^"\\\\])*"', '"', 'g'), '-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?'),
     lambda n: regexp_full_match(n, '-?[0-9]+') AND TRY_CAST(n AS BIGINT) IS NULL)) > 0 ELSE false END`,
  `asa_text_json(s) AS json(CASE WHEN asa_is_strict(s) AND NOT asa_is_oversized(s) THEN TRY_CAST(s AS JSON) END)`,
  `asa_float_bigint(x) AS TRY_CAST(trunc(x) AS BIGINT)`,
  // JSON has no infinity.
  `asa_float_json(x) AS CASE WHEN isfinite(x) THEN to_json(x) END`,
  `asa_float_text(x) AS CASE WHEN x = trunc(x) AND abs(x) < 1e15 THEN x::BIGINT::VARCHAR WHEN isfinite(x) THEN x::VARCHAR END`,
  `asa_bit_text(b) AS CASE WHEN b THEN '1' WHEN NOT b THEN '0' END`,
  `asa_datetime_text(t) AS strftime(t, '%Y-%m-%dT%H:%M:%S.%f') || '0Z'`,

  // A number of the usual form is recognized by its text, which is that of the bigint. JSON of one byte is a digit.
  `asa_bigint(j) AS CASE WHEN strlen(j::VARCHAR) = 1 THEN TRY_CAST(j::VARCHAR AS BIGINT) WHEN CAST(TRY_CAST(j::VARCHAR AS BIGINT) AS VARCHAR) = j::VARCHAR THEN TRY_CAST(j::VARCHAR AS BIGINT) ELSE CASE json_type(j) WHEN 'BIGINT' THEN TRY_CAST(j->>'$' AS BIGINT) WHEN 'UBIGINT' THEN TRY_CAST(j->>'$' AS BIGINT)
     WHEN 'DOUBLE' THEN asa_float_bigint(TRY_CAST(j->>'$' AS DOUBLE))
     WHEN 'VARCHAR' THEN asa_text_bigint(j->>'$') WHEN 'BOOLEAN' THEN CASE WHEN j->>'$' = 'true' THEN 1 ELSE 0 END END END`,
  `asa_float(j) AS CASE WHEN json_type(j) = 'VARCHAR' THEN asa_text_float(j->>'$') ELSE asa_number(j) END`,
  `asa_nvarchar(j) AS CASE WHEN starts_with(j::VARCHAR, '"') THEN j->>'$' ELSE CASE json_type(j)
     WHEN 'BOOLEAN' THEN CASE WHEN j->>'$' = 'true' THEN '1' ELSE '0' END
     WHEN 'DOUBLE' THEN asa_float_text(TRY_CAST(j->>'$' AS DOUBLE)) ELSE j->>'$' END END`,
  // The usual form is read from the JSON. The text of other values is stored once, because DuckDB would read it again
  // at each place in a CASE.
  `asa_datetime(j) AS coalesce(CASE WHEN j::VARCHAR LIKE '"____-__-__T__:__:__%Z"' AND strlen(j::VARCHAR) <= 30 AND j::VARCHAR >= '"0001-01-01'
     AND j::VARCHAR < '"9999-12-31T24' AND NOT contains(j::VARCHAR, '\\') AND NOT ends_with(j::VARCHAR, '.Z"') AND NOT contains(j::VARCHAR, ' ') THEN TRY_CAST(j AS TIMESTAMP) END,
     list_transform([asa_string(j)], lambda s: asa_text_datetime(s))[1])`,
  `asa_bit(j) AS CASE WHEN json_type(j) = 'VARCHAR' THEN asa_text_bit(j->>'$') ELSE asa_number(j) <> 0 END`,
  `asa_record(j) AS CASE json_type(j) WHEN 'OBJECT' THEN j END`,
  `asa_array(j) AS CASE json_type(j) WHEN 'ARRAY' THEN j END`,

  // Whether a field fits the type that CREATE TABLE declares: nothing of a number is lost, except digits of a float.
  `asa_fits_bigint(j) AS CASE WHEN j IS NULL OR CAST(TRY_CAST(j::VARCHAR AS BIGINT) AS VARCHAR) = j::VARCHAR THEN true
     WHEN json_type(j) = 'DOUBLE' THEN coalesce(TRY_CAST(TRY_CAST(j->>'$' AS DOUBLE) AS BIGINT) = TRY_CAST(j->>'$' AS DOUBLE), false)
     ELSE asa_bigint(j) IS NOT NULL END`,
  `asa_fits_float(j) AS CASE WHEN j IS NULL THEN true ELSE coalesce(isfinite(asa_float(j)), false) END`,
  // Each value has a text.
  `asa_fits_nvarchar(j) AS true`,
  `asa_fits_datetime(j) AS CASE WHEN j IS NULL THEN true ELSE asa_datetime(j) IS NOT NULL END`,
  // "string "true", "false", or "null"" (data types, CSV)
  `asa_fits_bit(j) AS CASE WHEN j IS NULL THEN true WHEN asa_bit(j) IS NOT NULL THEN true ELSE coalesce(lower(trim(asa_string(j))) = 'null', false) END`,
  `asa_fits_record(j) AS CASE WHEN j IS NULL THEN true ELSE json_type(j) = 'OBJECT' END`,
  `asa_fits_array(j) AS CASE WHEN j IS NULL THEN true ELSE json_type(j) = 'ARRAY' END`,

  // An integer, exactly; for other numbers, a value that no bigint equals.
  `asa_int(j) AS CASE WHEN asa_is_int(j) THEN TRY_CAST(j->>'$' AS HUGEINT)
     WHEN json_type(j) IN ('DOUBLE', 'BOOLEAN') THEN CASE WHEN asa_number(j) = trunc(asa_number(j)) THEN coalesce(TRY_CAST(asa_number(j) AS HUGEINT), ${NO_BIGINT}) ELSE ${NO_BIGINT} END END`,
  `asa_float_key(x) AS CASE WHEN x = trunc(x) AND x >= ${LEAST_BIGINT} AND x < -${LEAST_BIGINT} THEN x::BIGINT::VARCHAR ELSE x::VARCHAR END`,
  // Keys are equal if the values are equal. A bigint and a float are compared as numbers, and a number does not equal
  // a text. The key of a text is its JSON, which usually is there already: only escapes can be written in several ways.
  `asa_key(j) AS CASE WHEN starts_with(j::VARCHAR, '"') AND NOT contains(j::VARCHAR, '\\') THEN j::VARCHAR ELSE CASE json_type(j)
     WHEN 'VARCHAR' THEN to_json(j->>'$')::VARCHAR WHEN 'BIGINT' THEN 'n' || (j->>'$') WHEN 'UBIGINT' THEN 'n' || (j->>'$')
     WHEN 'DOUBLE' THEN 'n' || asa_float_key(TRY_CAST(j->>'$' AS DOUBLE)) WHEN 'BOOLEAN' THEN CASE WHEN j->>'$' = 'true' THEN 'n1' ELSE 'n0' END
     WHEN 'OBJECT' THEN asa_record_key(j::VARCHAR) WHEN 'ARRAY' THEN asa_record_key(j::VARCHAR) END END`,

  // Of a JSON that is known to be an integer or a number. DuckDB plans each use of a macro, so these are short.
  `asa_known_int(j) AS TRY_CAST(j::VARCHAR AS BIGINT)`,
  `asa_known_number(j) AS CASE j::VARCHAR WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE TRY_CAST(j::VARCHAR AS DOUBLE) END`,
  `asa_add(a, b) AS CASE WHEN asa_is_int(a) AND asa_is_int(b) THEN to_json(asa_known_int(a) + asa_known_int(b))
     WHEN asa_is_number(a) AND asa_is_number(b) THEN asa_float_json(asa_known_number(a) + asa_known_number(b))
     WHEN json_type(a) = 'VARCHAR' AND json_type(b) = 'VARCHAR' THEN to_json((a->>'$') || (b->>'$')) END`,
  ...(
    [
      ['subtract', '-', '-', 'asa_known_int(b)'],
      ['multiply', '*', '*', 'asa_known_int(b)'],
      ['divide', '//', '/', 'asa_known_int(b)'],
      ['modulo', '%', '%', modulus('asa_known_int(b)')],
    ] as const
  ).map(
    ([name, ofIntegers, ofFloats, integer]) =>
      `asa_${name}(a, b) AS CASE WHEN asa_is_int(a) AND asa_is_int(b) THEN to_json(asa_known_int(a) ${ofIntegers} ${integer})
     WHEN asa_is_number(a) AND asa_is_number(b) THEN asa_float_json(asa_known_number(a) ${ofFloats} asa_known_number(b)) END`,
  ),

  // 0001-01-01 is 62,135,596,800 s before 1970. A window is (start, end]: an event at its end belongs to it.
  `asa_window_end(t, hop_us, offset_us) AS make_timestamp(((epoch_us(t) + 62135596800000000 - offset_us + hop_us - 1) // hop_us) * hop_us + offset_us - 62135596800000000)`,
  // Merges the fields of two objects. Of two fields whose names differ at most in case, the left one is kept.
  `asa_names(j) AS list_transform(json_keys(j), lambda k: lower(k))`,
  `asa_without(j, names) AS ('{' || array_to_string(list_transform(list_filter(json_keys(j), lambda k: NOT list_contains(names, lower(k))),
     lambda k: to_json(k)::VARCHAR || ':' || json_extract(j, asa_pointer(k))::VARCHAR), ',') || '}')::JSON`,
  // "The payload field name will be overwritten if it is the same as system metadata field name" (GetMetadataPropertyValue).
  `asa_without_metadata(j) AS CASE WHEN list_has_any(asa_names(j), ${METADATA_NAMES}) THEN asa_without(j, ${METADATA_NAMES}) ELSE j END`,
  `asa_join(a, b) AS CASE WHEN b::VARCHAR = '{}' THEN a WHEN a::VARCHAR = '{}' THEN b
     ELSE (left(trim(a::VARCHAR), len(trim(a::VARCHAR)) - 1) || ',' || substr(trim(b::VARCHAR), 2))::JSON END`,
  `asa_merge(a, b) AS CASE WHEN a IS NULL OR a::VARCHAR = '{}' THEN b WHEN b IS NULL OR b::VARCHAR = '{}' THEN a
     WHEN list_has_any(asa_names(a), asa_names(b)) THEN list_transform([asa_without(b, asa_names(a))], lambda rest: asa_join(a, rest))[1]
     ELSE asa_join(a, b) END`,

  // JSON of .NET may contain half a surrogate pair, which is invalid in Unicode. It is replaced by U+FFFD. Escaped
  // backslashes and complete pairs are first replaced by placeholders: characters that are always escaped in JSON.
  `asa_repair(s) AS replace(replace(replace(regexp_replace(regexp_replace(replace(ltrim(s, chr(65279)), '\\\\', chr(1)),
     '\\\\u([dD][89abAB][0-9a-fA-F]{2})\\\\u([dD][c-fC-F][0-9a-fA-F]{2})', chr(2) || '\\1' || chr(3) || '\\2', 'g'),
     '\\\\u[dD][89a-fA-F][0-9a-fA-F]{2}', chr(65533), 'g'), chr(2), '\\u'), chr(3), '\\u'), chr(1), '\\\\')`,
  // A text with the placeholders themselves is no JSON.
  `asa_read_strict(s) AS coalesce(TRY_CAST(s AS JSON), CASE WHEN NOT regexp_matches(s, '[\\x01-\\x03]') THEN TRY_CAST(asa_repair(s) AS JSON) END)`,
  `asa_read(s) AS CASE WHEN asa_is_strict(s) THEN asa_read_strict(s) END`,
  // The events of a payload: an object, an array of objects, or one object per line. Invalid JSON becomes NULL.
  `asa_lines(s) AS list_filter(string_split(s, chr(10)), lambda l: trim(l, ' ' || chr(13) || chr(9)) <> '')`,
  `asa_events(j, s) AS CASE WHEN j IS NULL THEN CASE
       WHEN len(asa_lines(s)) > 1 AND len(list_filter(asa_lines(s), lambda l: asa_read(l) IS NULL)) = 0
       THEN list_transform(asa_lines(s), lambda l: asa_read(l)) ELSE [NULL::JSON] END
     WHEN json_type(j) = 'ARRAY' THEN json_extract(j, '$[*]') ELSE [j] END`,
];
