import {
  AFTER_OPEN_ARRAY,
  AFTER_OPEN_OBJECT,
  AFTER_VALUE,
  CLASS_OF,
  CLOSE_OBJECT,
  FIRST_ACTION,
  INVALID,
  NAME,
  NAME_TEXT,
  NEXT_ENTRY,
  OPEN_ARRAY,
  OPEN_OBJECT,
  TEXT,
  TRANSITIONS,
  VALUE,
} from './grammar';
import { stringAt } from './stringAt';

/** The position of a JSON value in a buffer: `bytes.subarray(start, end)` is the value as it was sent. */
export interface JsonNode {
  start: number;
  end: number;
  kind: 'object' | 'array' | 'string' | 'number' | 'literal';
  /** nesting depth of arrays and objects: 0 for a scalar, 1 for `[]` */
  depth: number;
  /** members of an object, if its shape requests them; of two with the same name, the last one */
  members?: ReadonlyMap<string, JsonNode>;
  /** elements of an array, if its shape requests them */
  elements?: readonly JsonNode[];
  /** true if there are more members or elements than the shape allows; only the first ones are listed */
  isTruncated?: boolean;
  /** true if two members have the same name */
  hasDuplicates?: boolean;
}

/** Which parts of a value a caller reads. Everything else is validated, and costs no memory. */
export interface JsonShape {
  /** the members of an object to list; members without a shape are not read further */
  members?: Readonly<Record<string, JsonShape>>;
  /** the shape of an array's elements, which are listed */
  elements?: JsonShape;
  /** maximum number of listed members or elements */
  max?: number;
}

/** The bytes are not JSON (RFC 8259). */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';

  /** @param position position of the first invalid byte; the length of the buffer if the value ends too early */
  constructor(readonly position: number) {
    super(`Not JSON from byte ${position} on`);
  }
}

/** The value is nested deeper than the scanner's limit. */
export class JsonDepthError extends Error {
  override readonly name = 'JsonDepthError';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** The first character that a string may contain as it is. */
const SPACE = 0x20;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** Stands for the end of the buffer. */
const END = -1;
/** Much deeper than any consumer accepts. The scanner stops at this depth. */
const MAX_LEVELS = 1_000;
/** by level: 1 for an object, 0 for an array. All scans share one stack, because a scan is synchronous. */
const isObject = new Uint8Array(MAX_LEVELS);

/**
 * Validates JSON in one pass, and finds the parts of it that a shape requests. Unlike `JSON.parse`, it needs the same
 * time for each byte and hardly any memory: nested arrays, members and numbers cost no more than text.
 *
 * @param bytes valid UTF-8, which the caller has checked
 * @throws {JsonSyntaxError}
 * @throws {JsonDepthError} beyond 1,000 levels
 */
export function scanJson(bytes: Buffer, shape: JsonShape = {}): JsonNode {
  const codeAt = (at: number): number => bytes[at] ?? END;
  const fail = (at: number): never => {
    throw new JsonSyntaxError(Math.min(at, bytes.length));
  };

  function skipSpace(from: number): number {
    let at = from;
    while (isSpace(codeAt(at))) at += 1;
    return at;
  }

  /** Skips from the end of a member's name to its value. */
  function skipColon(from: number): number {
    const at = skipSpace(from);
    return codeAt(at) === COLON ? skipSpace(at + 1) : fail(at);
  }

  /** Scans a value that is not read further. */
  function skipValue(start: number): JsonNode {
    return skipFrom(start, VALUE, 0);
  }

  /**
   * Scans the rest of an object or array whose further entries are not read.
   *
   * @param from the position of a value or of a member's name
   * @returns its depth and its end
   */
  function skipEntries(from: number, isInObject: boolean): JsonNode {
    isObject[0] = isInObject ? 1 : 0;
    return skipFrom(from, isInObject ? NAME : VALUE, 1);
  }

  /** @param depth of the arrays and objects that are open at `start` */
  function skipFrom(start: number, initialState: number, initialDepth: number): JsonNode {
    // Local copies, because they are faster than imports in the loop.
    const transitions = TRANSITIONS;
    const classOf = CLASS_OF;
    const { length } = bytes;
    let depth = initialDepth;
    let deepest = depth;
    let state = initialState;
    let at = start;
    for (; at < length; at += 1) {
      const next = transitions[(state << 5) | (classOf[bytes[at] ?? 0] ?? 0)] ?? INVALID;
      if (next < FIRST_ACTION) {
        if (next === INVALID) fail(at);
        state = next;
        if (state === TEXT || state === NAME_TEXT) {
          // Most bytes of a message are text, for which this loop is faster than the table.
          let code = bytes[at + 1] ?? END;
          while (code >= SPACE && code !== QUOTE && code !== BACKSLASH) {
            at += 1;
            code = bytes[at + 1] ?? END;
          }
          continue;
        }
        if (depth > 0 || state !== AFTER_VALUE) continue;
        // If the whole value is a string or literal, it ends with this byte. A number ends before it.
        const isNumber = isNumberStart(codeAt(start));
        return { start, end: isNumber ? at : at + 1, kind: kindOf(codeAt(start)), depth: 0 };
      }
      if (next === NEXT_ENTRY) {
        if (depth === 0) break; // after a number that is the whole value
        state = isObject[depth - 1] === 1 ? NAME : VALUE;
      } else if (next === OPEN_OBJECT || next === OPEN_ARRAY) {
        if (depth === MAX_LEVELS) throw new JsonDepthError();
        isObject[depth] = next === OPEN_OBJECT ? 1 : 0;
        state = next === OPEN_OBJECT ? AFTER_OPEN_OBJECT : AFTER_OPEN_ARRAY;
        depth += 1;
        if (depth > deepest) deepest = depth;
      } else {
        if (depth === 0) break;
        depth -= 1;
        if (isObject[depth] !== (next === CLOSE_OBJECT ? 1 : 0)) fail(at);
        state = AFTER_VALUE;
        if (depth === 0) return { start, end: at + 1, kind: kindOf(codeAt(start)), depth: deepest };
      }
    }
    // Only a number may end at the end of the text, or before the next token.
    if (depth > 0 || !endsNumber(state)) fail(at);
    return { start, end: at, kind: 'number', depth: 0 };
  }

  /**
   * Scans the entries of an array or object.
   *
   * @param readEntry reads the entry at a position, or returns undefined if enough entries were read
   * @returns its end and depth
   */
  function readEntries(
    start: number,
    isInObject: boolean,
    readEntry: (at: number) => JsonNode | undefined,
  ): Pick<JsonNode, 'end' | 'depth'> & { isTruncated: boolean } {
    const close = isInObject ? CLOSE_BRACE : CLOSE_BRACKET;
    let depth = 1;
    let at = skipSpace(start + 1);
    if (codeAt(at) === close) return { end: at + 1, depth, isTruncated: false };
    for (;;) {
      const entry = readEntry(at);
      if (!entry) {
        const rest = skipEntries(at, isInObject);
        return { end: rest.end, depth: Math.max(depth, rest.depth), isTruncated: true };
      }
      depth = Math.max(depth, 1 + entry.depth);
      at = skipSpace(entry.end);
      if (codeAt(at) === close) return { end: at + 1, depth, isTruncated: false };
      if (codeAt(at) !== COMMA) fail(at);
      at = skipSpace(at + 1);
    }
  }

  function readObject(start: number, { members: shapes = {}, max = Infinity }: JsonShape): JsonNode {
    const members = new Map<string, JsonNode>();
    let count = 0;
    let hasDuplicates = false;
    const read = readEntries(start, true, (at) => {
      if (count === max) return undefined;
      count += 1;
      if (codeAt(at) !== QUOTE) fail(at);
      const nameEnd = skipValue(at).end;
      const name = stringAt(bytes, at, nameEnd);
      if (members.has(name)) hasDuplicates = true;
      const value = readValue(skipColon(nameEnd), Object.hasOwn(shapes, name) ? shapes[name] : undefined);
      members.set(name, value);
      return value;
    });
    return { start, kind: 'object', members, hasDuplicates, ...read };
  }

  function readArray(start: number, { elements: shape, max = Infinity }: JsonShape): JsonNode {
    const elements: JsonNode[] = [];
    const read = readEntries(start, false, (at) => {
      if (elements.length >= max) return undefined;
      const value = readValue(at, shape);
      elements.push(value);
      return value;
    });
    return { start, kind: 'array', elements, ...read };
  }

  function readValue(start: number, wanted: JsonShape | undefined): JsonNode {
    const code = codeAt(start);
    if (wanted?.members && code === OPEN_BRACE) return readObject(start, wanted);
    if (wanted?.elements && code === OPEN_BRACKET) return readArray(start, wanted);
    return skipValue(start);
  }

  const root = readValue(skipSpace(0), shape);
  const rest = skipSpace(root.end);
  return rest === bytes.length ? root : fail(rest);
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
/** `-` or a digit */
const isNumberStart = (code: number): boolean => code === 0x2d || (code >= 0x30 && code <= 0x39);
/** Whether a number is complete in this state. */
const endsNumber = (state: number): boolean =>
  TRANSITIONS[(state << 5) | (CLASS_OF[COMMA] ?? 0)] === NEXT_ENTRY && state !== AFTER_VALUE;

/** The kind of a valid value, by its first byte. */
function kindOf(code: number): JsonNode['kind'] {
  if (code === OPEN_BRACE) return 'object';
  if (code === OPEN_BRACKET) return 'array';
  if (code === QUOTE) return 'string';
  return isNumberStart(code) ? 'number' : 'literal';
}
