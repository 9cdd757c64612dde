/** Translates LIKE patterns. */

import type { Expression, Position } from './ast';
import { once } from './once';
import { MAX_EVENT_SIZE } from './patternSize';
import { QueryError } from './queryError';
import { quote } from './types';

/** Maximum length of a literal pattern in characters: 8,000 bytes, as in T-SQL. */
const MAX_LITERAL_CHARACTERS = 4_000;

type Like = Extract<Expression, { kind: 'like' }>;

/**
 * Translates LIKE: `%` matches any text, `_` one character, `[a-f]` a character of a set, `[^a-f]` one outside it. It
 * is case-sensitive, as in Stream Analytics. The result is NULL if an event's pattern is invalid or too long.
 *
 * @param patternSql SQL of the pattern, for one that is not a literal
 * @throws {QueryError} for ESCAPE with a pattern that is not a literal, and for a literal that is too long
 */
export function likeSql({ pattern, escape, negated }: Like, value: string, patternSql: () => string): string {
  if (pattern.kind !== 'literal' || pattern.type !== 'nvarchar') {
    if (escape !== null)
      throw new QueryError(
        'ESCAPE with a pattern that is not a literal is not supported by this runner',
        pattern.at,
      );
    // RE2 rejects reversed ranges, such as [z-a]. The content of an event must not stop the job. TRY takes no call of a
    // JavaScript function, so both values are computed before it.
    return once(
      [value, patternSql()],
      (text, sql) =>
        `(${negated ? 'NOT ' : ''}TRY(regexp_full_match(${text}, CASE WHEN len(${sql}) <= ${MAX_EVENT_SIZE} THEN asa_like_expression(${sql}) END, 's')))`,
    );
  }
  requireLikeLength(pattern.value, pattern.at);
  if (escape !== null && Array.from(escape).length !== 1)
    throw new QueryError("ESCAPE takes one character, as in ESCAPE '!'", pattern.at);
  const not = negated ? 'NOT ' : '';
  // DuckDB's own LIKE backtracks at each % of a pattern with _: a text of 1,000 characters may take minutes.
  if (!/[[_]/.test(pattern.value) && escape === null) return `(${value} ${not}LIKE ${quote(pattern.value)})`;
  return `(${not}regexp_full_match(${value}, ${quote(likeExpression(pattern.value, escape))}, 's'))`;
}

/** @throws {QueryError} for a literal pattern of LIKE or PATINDEX that is too long */
export function requireLikeLength(pattern: string, at: Position): void {
  if (pattern.length > MAX_LITERAL_CHARACTERS)
    throw new QueryError(
      `the pattern is too long: it has ${pattern.length} characters, but must not exceed ${MAX_LITERAL_CHARACTERS}`,
      at,
    );
}

/** Converts a pattern of LIKE or PATINDEX to a regular expression (RE2). */
export function likeExpression(pattern: string, escape: string | null = null): string {
  let expression = '';
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i += 1) {
    const character = characters[i] ?? '';
    if (character === escape && i + 1 < characters.length) expression += literal(characters[(i += 1)] ?? '');
    else if (character === '%') expression += '.*';
    else if (character === '_') expression += '.';
    else if (character === '[' && characters.indexOf(']', i + 2) > 0) {
      const end = characters.indexOf(']', i + 2);
      const set = characters.slice(i + 1, end);
      const negated = set[0] === '^' && set.length > 1;
      expression += setExpression(negated ? set.slice(1) : set, negated);
      i = end;
    } else expression += literal(character);
  }
  return expression;
}

/** A set that matches nothing, and one that matches any character. */
const [NOTHING, ANYTHING] = ['[^\\x{0}-\\x{10FFFF}]', '.'];

/** A reversed range, which RE2 rejects, has no members. */
function setExpression(set: readonly string[], negated: boolean): string {
  let members = '';
  for (let i = 0; i < set.length; i += 1) {
    const [first = '', dash, last] = set.slice(i, i + 3);
    if (dash === '-' && last !== undefined) {
      i += 2;
      if ((first.codePointAt(0) ?? 0) <= (last.codePointAt(0) ?? 0))
        members += `${literal(first)}-${literal(last)}`;
    } else members += literal(first);
  }
  if (members === '') return negated ? ANYTHING : NOTHING;
  return `[${negated ? '^' : ''}${members}]`;
}

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
