import { generate, type Parser } from 'peggy';
import { IotHubError } from '../iotHubError';
import type { Query } from './ast';
import { GRAMMAR } from './grammar';

// These limits bound the time and the recursion depth of a parse. The hub's own limits are not published.
const MAX_QUERY_CHARS = 8_192;
const MAX_NESTING = 50;

let parser: Parser | undefined;

/** @throws IotHubError ArgumentInvalid with the place of the error */
export function parseQuery(text: string): Query {
  if (text.length > MAX_QUERY_CHARS || nesting(text) > MAX_NESTING) {
    throw new IotHubError(
      'ArgumentInvalid',
      `A query has at most ${MAX_QUERY_CHARS} characters, ${MAX_NESTING} levels.`,
    );
  }
  parser ??= generate(GRAMMAR);
  try {
    return parser.parse(text) as Query;
  } catch (error) {
    const { message, location } = error as { message: string; location?: { start: { offset: number } } };
    if (!location) throw error;
    throw new IotHubError(
      'ArgumentInvalid',
      `The query is not valid at character ${location.start.offset + 1}: ${message.slice(0, 300)}`,
    );
  }
}

/** Strings and quoted names, whose content has no meaning here, and what changes the nesting depth. */
const NESTING_TOKENS = /'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\[\[.+?\]\]|[()]|\b(?:NOT|AND|OR)\b/gis;

/** The nesting depth of a query: its open brackets, and each NOT until its operand ends. */
function nesting(text: string): number {
  let [depth, deepest] = [0, 0];
  /** The depth inside each open bracket, without NOT. */
  const brackets = [0];
  for (const token of text.match(NESTING_TOKENS) ?? []) {
    switch (token.toUpperCase()) {
      case '(':
        brackets.push(++depth);
        break;
      case ')':
        depth = (brackets.pop() ?? 0) - 1;
        break;
      case 'NOT':
        depth += 1;
        break;
      case 'AND':
      case 'OR':
        depth = brackets.at(-1) ?? 0;
    }
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
