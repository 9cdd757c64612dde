import { generate, type Parser } from 'peggy';
import { IotHubError } from '../iotHubError';
import type { Query } from './ast';
import { GRAMMAR } from './grammar';

/** Bounds the time of a parse and the depth of its recursion. The hub's own limit is not published. */
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

/** The number of operators of one operand that a query nests at most: brackets and NOT. */
function nesting(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const token of text.match(/[()]|\bNOT\b/gi) ?? []) {
    depth += token === ')' ? -1 : 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
