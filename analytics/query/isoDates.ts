/** DuckDB macros for the rarer forms of ISO 8601 in events. */

/** SQL of nested replacements in a text by regular expressions. */
const replaced = (sql: string, replacements: readonly (readonly [string, string])[]): string =>
  replacements.reduce((inner, [pattern, by]) => `regexp_replace(${inner}, '${pattern}', '${by}')`, sql);

/** At most 23:59. */
export const OFFSET = '(Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)';

/** Day 366 of a year that is not a leap year is in the next year. */
const ORDINAL = `try_strptime(regexp_replace(u, '^([0-9]{4})-?([0-9]{3})(T.*)?$', '\\1-\\2'), '%Y-%j')`;

/** Week 53 of a year that has 52 is in the next year. */
const WEEK = `try_strptime(regexp_replace(u, '^([0-9]{4})-?(W[0-9]{2})(?:-?([1-7]))?(T.*)?$', '\\1-\\2-\\3')
    || CASE WHEN regexp_matches(u, 'W[0-9]{2}-?[1-7]') THEN '' ELSE '1' END, '%G-W%V-%u')`;

/** Ordinal and week dates as calendar dates, in upper case. */
const CALENDAR = `CASE
  WHEN regexp_matches(u, '^[0-9]{4}-?W') THEN CASE WHEN strftime(${WEEK}, '%G') = u[:4] THEN strftime(${WEEK}, '%Y-%m-%d') || regexp_extract(u, 'T.*$') END
  WHEN regexp_matches(u, '^[0-9]{4}(-[0-9]{3}(T|$)|[0-9]{3}T)') THEN CASE WHEN year(${ORDINAL}) = CAST(u[:4] AS BIGINT) THEN strftime(${ORDINAL}, '%Y-%m-%d') || regexp_extract(u, 'T.*$') END
  ELSE u END`;

/**
 * `asa_iso_datetime(s)`: forms with an hour of one digit or without minutes, in the basic format (`20260101T093000Z`),
 * with a comma as decimal sign, with a space before the offset, at 24:00, ordinal and week dates, and months
 * (`2026-01`, its first day). NULL for other texts. A basic date without a time (`20260101`, `2026001`) would be an ordinary number: a file run reads a time as
 * text, so no JSON number may have the text of a date.
 */
export const ISO_MACROS: readonly string[] = [
  `asa_iso_calendar(s) AS list_transform([upper(trim(s))], lambda u: ${CALENDAR})[1]`,
  `asa_iso_text(s) AS ${replaced('asa_iso_calendar(s)', [
    ['^([0-9]{4})([0-9]{2})([0-9]{2})T', '\\1-\\2-\\3T'],
    ['^([0-9]{4}-[0-9]{2})$', '\\1-01'],
    ['^([0-9]{4}-[0-9]{2}-[0-9]{2})$', '\\1T00:00:00'],
    ['^([0-9]{4}-[0-9]{2}-[0-9]{2}) ', '\\1T'],
    [`T([0-9]{2})([0-9]{2})([0-9]{2})([.,][0-9]+)? ?${OFFSET}?$`, 'T\\1:\\2:\\3\\4\\5'],
    [`T([0-9]{2})([0-9]{2}) ?${OFFSET}?$`, 'T\\1:\\2\\3'],
    ['T([0-9])([^0-9])', 'T0\\1\\2'],
    [`T([0-9]{2}) ?${OFFSET}?$`, 'T\\1:00\\2'],
    [`T([0-9]{2}:[0-9]{2}) ?${OFFSET}?$`, 'T\\1:00\\2'],
    [`T([0-9:]{8})(?:[.,]([0-9]+))? ?${OFFSET}?$`, 'T\\1.\\2|\\3'],
  ])}`,
  `asa_iso_utc(n) AS timezone('UTC', TRY_CAST(CASE WHEN regexp_full_match(n, '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]*[|]${OFFSET}?')
     THEN replace(replace(CASE WHEN ends_with(n, '|') THEN n || 'Z' ELSE n END, '.|', ''), '|', '') END AS TIMESTAMPTZ))`,
  `asa_iso_datetime(s) AS list_transform([asa_iso_text(s)], lambda n: asa_in_range(CASE
     WHEN regexp_matches(n, 'T24:00:00[.]0*[|]') THEN asa_iso_utc(replace(n, 'T24', 'T00')) + INTERVAL 1 DAY ELSE asa_iso_utc(n) END))[1]`,
];
