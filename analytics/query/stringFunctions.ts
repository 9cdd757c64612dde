import type { Call } from './ast';
import { likeExpression, requireLikeLength } from './like';
import { once } from './once';
import { limitedPattern, requirePatternSize } from './patternSize';
import { QueryError } from './queryError';
import { type Scalar, argument, refusing, simple } from './scalar';
import type { Context } from './scope';
import { type Typed, convert, quote, text } from './types';

/** Longer than any text, and small enough that arithmetic with positions stays within bigint. */
const MAX_CHARACTERS = 4_000_000_000;
/** Why SUBSTRING, LEFT, RIGHT and STUFF stop a job. */
const BELOW_0 = 'its length is below 0';
/** Maximum length of the result of REPLICATE and SPACE in characters. A longer result is NULL, as an event must not stop the job. */
const MAX_REPEATED_CHARACTERS = 1_000_000;

/**
 * The characters that TRIM, LTRIM and RTRIM remove:
 * https://learn.microsoft.com/stream-analytics-query/trim-azure-stream-analytics
 */
const WHITE_SPACE = `'${[
  ' \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a',
  '\u2028\u2029\u202f\u205f\u3000',
].join('')}'`;

/** A start position within the range that DuckDB accepts. */
const position = (start: string): string => `least(greatest(${start}, 1), ${MAX_CHARACTERS})`;

const repeated = (value: string, count: string): string =>
  `CASE WHEN ${count} BETWEEN 0 AND ${MAX_REPEATED_CHARACTERS} AND len(${value}) <= ${MAX_REPEATED_CHARACTERS} // greatest(${count}, 1) THEN repeat(${value}, ${count}) END`;

/** Constructs of ECMAScript's regular expressions that RE2 does not support. */
const BEYOND_RE2 = /\(\?<?[=!]|\\[1-9]|\\k[<']/;

/** The position of the first match, from 1; 0 if there is none, or if the pattern is invalid. */
const matchSql = (
  value: string,
  pattern: string,
): string => `CASE WHEN TRY(regexp_matches(${value}, ${pattern}, 'is'))
    THEN coalesce(TRY(len(regexp_extract(${value}, '^(.*?)(?:' || ${pattern} || ')', 1, 'is')) + 1), 0)
    WHEN ${value} IS NOT NULL AND ${pattern} IS NOT NULL THEN 0 END`;

const matches = simple(['nvarchar', 'nvarchar'], 'bigint', matchSql);

/** The same for a pattern from an event. The result is NULL if the pattern is too large. */
const matchesOfEvent: Scalar = {
  least: 2,
  most: 2,
  translate: ({ args }, context) => {
    const [value, pattern] = args.map((arg) => text(context.translate(arg), arg.at));
    const limited = once([pattern ?? ''], limitedPattern);
    return { sql: once([value ?? '', limited], matchSql), type: 'bigint' };
  },
};

const noMatches = simple(
  ['nvarchar', 'nvarchar'],
  'bigint',
  (value) => `CASE WHEN ${value} IS NOT NULL THEN 0 END`,
);

function isRegularExpression(pattern: string): boolean {
  try {
    return RegExp(pattern) instanceof RegExp;
  } catch {
    return false;
  }
}

/** Positions count from 1. A start before the text reduces the length accordingly. */
const substring = refusing(
  ['nvarchar', 'bigint', 'bigint'],
  'nvarchar',
  (refuse) =>
    (value, start = '1', length = '0') =>
      `CASE WHEN ${length} < 0 THEN ${refuse(BELOW_0)}
        WHEN ${length} >= 0 AND ${start} IS NOT NULL
        THEN substring(${value}, ${position(start)}, CAST(least(greatest(${length} + (greatest(least(${start}, 1), -${MAX_CHARACTERS}) - 1), 0), ${MAX_CHARACTERS}) AS BIGINT)) END`,
);

/** SUBSTRING with a literal start and length, which most queries have: the text is read at one place, and so not stored. */
function literalSubstring({ args: [value, from, count] }: Call, context: Context): Typed | undefined {
  const [start, length] = [from, count].map((arg) =>
    arg?.kind === 'literal' && arg.type === 'bigint' ? Number(arg.value) : NaN,
  );
  if (!value || !(start !== undefined && start >= 1 && length !== undefined && length >= 0)) return undefined;
  const limited = [start, length].map((one) => Math.min(one, MAX_CHARACTERS));
  return {
    sql: `substring(${text(context.translate(value), value.at)}, ${limited.join(', ')})`,
    type: 'nvarchar',
  };
}

const side = (name: 'left' | 'right'): Scalar =>
  refusing(
    ['nvarchar', 'bigint'],
    'nvarchar',
    (refuse) =>
      (value, length = '0') =>
        `CASE WHEN ${length} < 0 THEN ${refuse(BELOW_0)} ELSE ${name}(${value}, least(${length}, ${MAX_CHARACTERS})) END`,
  );

export const stringFunctions: Readonly<Record<string, Scalar>> = {
  len: simple(['nvarchar'], 'bigint', (value) => `len(rtrim(${value}, ' '))`),
  lower: simple(['nvarchar'], 'nvarchar', (value) => `lower(${value})`),
  upper: simple(['nvarchar'], 'nvarchar', (value) => `upper(${value})`),
  ltrim: simple(['nvarchar'], 'nvarchar', (value) => `ltrim(${value}, ${WHITE_SPACE})`),
  rtrim: simple(['nvarchar'], 'nvarchar', (value) => `rtrim(${value}, ${WHITE_SPACE})`),
  trim: simple(['nvarchar'], 'nvarchar', (value) => `trim(${value}, ${WHITE_SPACE})`),
  replace: simple(
    ['nvarchar', 'nvarchar', 'nvarchar'],
    'nvarchar',
    (...args) => `replace(${args.join(', ')})`,
  ),
  substring: {
    ...substring,
    translate: (call, context) => literalSubstring(call, context) ?? substring.translate(call, context),
  },
  charindex: simple(
    ['nvarchar', 'nvarchar', 'bigint'],
    'bigint',
    (sought, within, ...[start]: (string | undefined)[]) => {
      if (start === undefined) return `strpos(${within}, ${sought})`;
      const from = position(start);
      const found = `strpos(substring(${within}, ${from}), ${sought})`;
      return `CASE WHEN ${found} = 0 THEN 0 ELSE ${found} + ${from} - 1 END`;
    },
    2,
  ),
  regexmatch: {
    least: 2,
    most: 2,
    translate: (call, context) => {
      const pattern = argument(call.args[1]);
      if (pattern.kind === 'literal') requirePatternSize(pattern.value, pattern.at);
      if (pattern.kind === 'literal' && BEYOND_RE2.test(pattern.value))
        throw new QueryError(
          'lookaround and backreferences in a regular expression are not supported by this runner',
          pattern.at,
        );
      // DuckDB would reject a statement with an invalid literal.
      const invalid = pattern.kind === 'literal' && !isRegularExpression(pattern.value);
      if (invalid) return noMatches.translate(call, context);
      return (pattern.kind === 'literal' ? matches : matchesOfEvent).translate(call, context);
    },
  },
  concat: {
    least: 2,
    most: Infinity,
    // NULL counts as an empty text.
    translate: ({ args }, context) => ({
      sql: `concat(${args.map((arg) => convert(context.translate(arg), 'nvarchar', arg.at)).join(', ')})`,
      type: 'nvarchar',
    }),
  },
  concat_ws: {
    least: 2,
    most: Infinity,
    // NULL is omitted together with its separator.
    translate: ({ args }, context) => ({
      sql: `concat_ws(${args.map((arg) => convert(context.translate(arg), 'nvarchar', arg.at)).join(', ')})`,
      type: 'nvarchar',
    }),
  },
  left: side('left'),
  right: side('right'),
  reverse: simple(['nvarchar'], 'nvarchar', (value) => `reverse(${value})`),
  replicate: simple(['nvarchar', 'bigint'], 'nvarchar', (value, count = '0') => repeated(value, count)),
  space: simple(['bigint'], 'nvarchar', (count) => repeated("' '", count)),
  // Deletes characters from the start position, then inserts there. Positions outside the text are ignored.
  stuff: refusing(
    ['nvarchar', 'bigint', 'bigint', 'nvarchar'],
    'nvarchar',
    (refuse) =>
      (value, start = '1', length = '0', inserted = "''") =>
        `CASE WHEN ${length} < 0 THEN ${refuse(BELOW_0)}
        WHEN ${start} > len(${value}) THEN ''
        WHEN ${start} IS NOT NULL AND ${length} IS NOT NULL
        THEN left(${value}, ${position(start)} - 1) || ${inserted} || substring(${value}, CAST(least(${position(start)} + least(${length}, ${MAX_CHARACTERS}), ${MAX_CHARACTERS}) AS BIGINT)) END`,
  ),
  translate: refusing(
    ['nvarchar', 'nvarchar', 'nvarchar'],
    'nvarchar',
    (refuse) => (value, from, to) =>
      `CASE WHEN len(${from}) <> len(${to}) THEN ${refuse('characters and translations have different lengths')}
        ELSE translate(${value}, ${from}, ${to}) END`,
  ),
  unicode: simple(
    ['nvarchar'],
    'bigint',
    (value) => `CASE WHEN ${value} <> '' THEN CAST(unicode(${value}) AS BIGINT) END`,
  ),
  nchar: simple(
    ['bigint'],
    'nvarchar',
    // Halves of surrogate pairs are not characters.
    (code) =>
      `CASE WHEN ${code} BETWEEN 0 AND 1114111 AND ${code} NOT BETWEEN 55296 AND 57343 THEN chr(CAST(${code} AS INTEGER)) END`,
  ),
  patindex: {
    least: 2,
    most: 2,
    translate: ({ args: [sought, within] }, context) => {
      const pattern = argument(sought);
      if (pattern.kind !== 'literal' || pattern.type !== 'nvarchar')
        throw new QueryError(
          'PATINDEX with a pattern that is not a literal is not supported by this runner',
          pattern.at,
        );
      requireLikeLength(pattern.value, pattern.at);
      const value = text(context.translate(argument(within)), argument(within).at);
      const inner = pattern.value.replace(/^%+/, '').replace(/%+$/, '');
      const leading = pattern.value.startsWith('%') ? '(.*?)' : '()';
      const expression = `^${leading}${likeExpression(inner)}${pattern.value.endsWith('%') ? '' : '$'}`;
      return {
        sql: once(
          [value],
          (sql) =>
            `CASE WHEN regexp_matches(${sql}, ${quote(expression)}, 's') THEN len(regexp_extract(${sql}, ${quote(expression)}, 1, 's')) + 1 WHEN ${sql} IS NOT NULL THEN 0 END`,
        ),
        type: 'bigint',
      };
    },
  },
};
