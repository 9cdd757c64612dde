/** Translates LIKE patterns. */

import type { Expression } from './ast';
import { once } from './once';
import { QueryError } from './queryError';
import { quote } from './types';

type Like = Extract<Expression, { kind: 'like' }>;

/**
 * Translates LIKE: `%` matches any text, `_` one character, `[a-f]` a character of a set, `[^a-f]` one outside it. It
 * is case-sensitive, as in Stream Analytics.
 *
 * @param patternSql SQL of the pattern, for one that is not a literal
 * @throws {QueryError} for ESCAPE with a pattern that is not a literal
 */
export function likeSql({ pattern, escape, negated }: Like, value: string, patternSql: () => string): string {
  if (pattern.kind !== 'literal' || pattern.type !== 'nvarchar') {
    if (escape !== null)
      throw new QueryError(
        'ESCAPE with a pattern that is no text literal is not covered by the local translation',
        pattern.at,
      );
    const expression = once([patternSql()], (sql) => `asa_like_expression(${sql})`);
    return `(${negated ? 'NOT ' : ''}regexp_full_match(${value}, ${expression}, 's'))`;
  }
  if (escape !== null && Array.from(escape).length !== 1)
    throw new QueryError('ESCAPE takes one character', pattern.at);
  const not = negated ? 'NOT ' : '';
  if (!pattern.value.includes('[') && escape === null) return `(${value} ${not}LIKE ${quote(pattern.value)})`;
  return `(${not}regexp_full_match(${value}, ${quote(likeExpression(pattern.value, escape))}, 's'))`;
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
      const members = (negated ? set.slice(1) : set)
        .map((one) => (one === '-' ? one : literal(one)))
        .join('');
      expression += `[${negated ? '^' : ''}${members}]`;
      i = end;
    } else expression += literal(character);
  }
  return expression;
}

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
