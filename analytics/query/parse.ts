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

/** Together one grammar: the language, and what it lacks of other dialects. */
const GRAMMARS = ['asaql.peggy', 'otherSql.peggy'];

let parser: { parse: (text: string) => unknown } | undefined;

/**
 * Parses a query in the Stream Analytics query language.
 *
 * @throws {QueryError} with line and column, at the first word that is invalid or not supported
 */
export function parse(text: string): Query {
  parser ??= generate(GRAMMARS.map((file) => readFileSync(join(__dirname, file), 'utf8')).join('\n'));
  try {
    return parser.parse(text) as Query;
  } catch (error) {
    if (error instanceof RangeError)
      throw new QueryError('the query is nested too deeply', { line: 1, column: 1 });
    const { message, expected, location } = error as SyntaxError;
    const { line, column } = location.start;
    throw new QueryError(expected ? syntaxError(text, location.start) : message, { line, column });
  }
}

/** Characters that editors and web pages put in the place of those of the language. */
const TYPOGRAPHIC: ReadonlyMap<string, string> = new Map([
  ...['‘’‚‛′´＇', '“”„‟″«»＂', '–—−‐‑－'].flatMap((all, i) =>
    all.split(/(?:)/u).map((one) => [one, ["'", '"', '-'][i] ?? ''] as const),
  ),
  ...(['…...', '×*', '÷/', '≤<=', '≥>=', '≠<>', '，,', '；;', '（(', '）)'] as const).map(
    (one) => [one.charAt(0), one.slice(1)] as const,
  ),
]);

function syntaxError(text: string, at: Position): string {
  const rest = text.split('\n')[at.line - 1]?.slice(at.column - 1) ?? '';
  const [first = ''] = rest;
  if (text.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim() === '') return 'the query is empty';
  const open = openText(text);
  if (open) throw open;
  const code = first.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0') ?? '';
  const plain = TYPOGRAPHIC.get(first);
  if (plain !== undefined) return `the character ${first} (U+${code}) is typographic: write ${plain}`;
  if (first === "'") return 'syntax error at a text in single quotes';
  if (/^\p{Cc}|^\p{Cf}/u.test(rest)) return `syntax error at the invisible character U+${code}`;
  return `syntax error at ${wordAt(text, at)}`;
}

/** A text in single quotes, or a comment, that has no end. */
function openText(text: string): QueryError | undefined {
  for (const { 0: token, index } of text.matchAll(
    /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\[[^\]\n]*\]|"[^"\n]*"|'(?:[^']|'')*('|$)/g,
  )) {
    const [end] = token.startsWith('/*') ? ['*/'] : token.startsWith("'") ? ["'"] : [];
    if (end === undefined || (token.length >= 2 * end.length && token.endsWith(end))) continue;
    const before = text.slice(0, index).split('\n');
    return new QueryError(
      end === '*/'
        ? 'the comment that begins here has no end: write */ after it'
        : "the text that begins here has no end: write ' after it, and '' for a ' inside it",
      { line: before.length, column: (before.at(-1) ?? '').length + 1 },
    );
  }
  return undefined;
}

function wordAt(text: string, { line, column }: Position): string {
  const rest = text.split('\n')[line - 1]?.slice(column - 1) ?? '';
  const word = /^(?:[\p{L}\p{N}_]+|\S)/u.exec(rest)?.[0];
  return word === undefined ? 'the end of the line' : `'${word}'`;
}
