import { Problem } from '../problems';

/** Where a JSON value stands in a text: `text.slice(start, end)` is the value as it was sent. */
export interface Span {
  start: number;
  end: number;
}

/**
 * A body that is known to be JSON, with its text. The text is what a number beyond 2^53, a name that stands twice or
 * an escaped lone surrogate survives in; `JSON.parse` loses all three.
 */
export interface JsonText {
  text: string;
  value: unknown;
}

/**
 * Arrays and objects within each other. Parsers downstream stop somewhere: Ruby's at 100, .NET's at 64, and one
 * message that a worker cannot read stops all behind it.
 */
export const MAX_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The value of the whole text. */
export function wholeSpan(text: string): Span {
  return valueAt(text, 0);
}

/**
 * The values of an object's members by name, where each stands.
 *
 * @param object the span of an object in a text that is JSON
 * @throws {Problem} `invalid_request` when a name stands twice: readers would differ on which counts
 */
export function memberSpans(text: string, object: Span): Map<string, Span> {
  const members = new Map<string, Span>();
  let at = skipSpace(text, object.start + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACE) {
    const end = endOfString(text, at);
    const name = JSON.parse(text.slice(at, end)) as string;
    if (members.has(name)) throw new Problem('invalid_request', 'A name stands twice in the same object.');
    const value = valueAt(text, skipSpace(text, end) + 1); // the colon
    members.set(name, value);
    at = afterSeparator(text, value.end);
  }
  return members;
}

/** Where each element of an array stands. @param array the span of an array in a text that is JSON */
export function elementSpans(text: string, array: Span): Span[] {
  const elements: Span[] = [];
  let at = skipSpace(text, array.start + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACKET) {
    const element = valueAt(text, at);
    elements.push(element);
    at = afterSeparator(text, element.end);
  }
  return elements;
}

/** Whether arrays and objects stand within each other deeper than `maxDepth` in a value. */
export function isDeeperThan(text: string, { start, end }: Span, maxDepth: number): boolean {
  let depth = 0;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (opens(code)) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (closes(code)) depth -= 1;
  }
  return false;
}

/** Needs no stack, however deep the value is. */
function valueAt(text: string, from: number): Span {
  const start = skipSpace(text, from);
  const first = text.charCodeAt(start);
  if (first === QUOTE) return { start, end: endOfString(text, start) };
  let at = start;
  if (!opens(first)) {
    while (at < text.length && !endsScalar(text.charCodeAt(at))) at += 1;
    return { start, end: at };
  }
  for (let depth = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (opens(code)) depth += 1;
    else if (closes(code)) {
      depth -= 1;
      if (depth === 0) break;
    }
  }
  return { start, end: at + 1 };
}

function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

function afterSeparator(text: string, from: number): number {
  const at = skipSpace(text, from);
  return text.charCodeAt(at) === COMMA ? skipSpace(text, at + 1) : at;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
const opens = (code: number): boolean => code === OPEN_BRACE || code === OPEN_BRACKET;
const closes = (code: number): boolean => code === CLOSE_BRACE || code === CLOSE_BRACKET;
const endsScalar = (code: number): boolean =>
  code === COMMA || code === COLON || closes(code) || isSpace(code);
