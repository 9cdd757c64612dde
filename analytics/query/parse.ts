/** Parses a query, and reports the position of a syntax error. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'peggy';
import type { Position, Query } from './ast';
import { QueryError } from './queryError';

interface SyntaxError {
  message: string;
  /** absent if the grammar itself rejected a construct by name */
  expected?: unknown[] | null;
  location: { start: Position };
}

let parser: { parse: (text: string) => unknown } | undefined;

/**
 * Parses a query in the Stream Analytics query language.
 *
 * @throws {QueryError} with line and column, at the first word that is invalid or not supported
 */
export function parse(text: string): Query {
  parser ??= generate(readFileSync(join(__dirname, 'asaql.peggy'), 'utf8'));
  try {
    return parser.parse(text) as Query;
  } catch (error) {
    const { message, expected, location } = error as SyntaxError;
    const { line, column } = location.start;
    throw new QueryError(expected ? `syntax error at ${wordAt(text, location.start)}` : message, {
      line,
      column,
    });
  }
}

function wordAt(text: string, { line, column }: Position): string {
  const rest = text.split('\n')[line - 1]?.slice(column - 1) ?? '';
  const word = /^(?:[\p{L}\p{N}_]+|\S)/u.exec(rest)?.[0];
  return word === undefined ? 'the end of the line' : `'${word}'`;
}
