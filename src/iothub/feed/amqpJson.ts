/**
 * Serializes AMQP values, as rhea decodes them, to JSON. It is hand-written and optimized for strings: a page has up to
 * 10,000 messages with a dozen values each, and `JSON.stringify` for each map took longer than everything else.
 */

const NEEDS_NO_ESCAPE = /^[\w .:/;=+@-]*$/;

/** A string as JSON. */
export function quote(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

export function quoteOrNull(text: string | null): string {
  return text === null ? 'null' : quote(text);
}

/** Limits of JSON parsers: Ruby 100 levels, .NET 64. A worker could not parse a feed with deeper nesting. */
export const MAX_DEPTH = 64;

/**
 * Binary, and integers beyond 2^53, which rhea returns as bytes, become `{"base64": …}`; timestamps become ISO 8601.
 *
 * @param levels how many lists and maps may be inside each other; deeper ones become null
 */
export function valueJson(value: unknown, levels = MAX_DEPTH): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return 'null';
  if (value instanceof Date) return timestampJson(value);
  if (Buffer.isBuffer(value)) return `{"base64":"${value.toString('base64')}"}`;
  if (levels === 0) return 'null';
  if (Array.isArray(value)) return `[${value.map((one) => valueJson(one, levels - 1)).join(',')}]`;
  return objectJson(value, levels - 1);
}

/** A map's own members as a JSON object. */
export function objectJson(map: object, levels = MAX_DEPTH): string {
  let members = '';
  for (const name of Object.keys(map))
    members = joined(members, memberJson(name, (map as Record<string, unknown>)[name], levels));
  return `{${members}}`;
}

/** A member of a JSON object. */
function memberJson(name: string, value: unknown, levels = MAX_DEPTH): string {
  return `${quote(name)}:${valueJson(value, levels)}`;
}

/** Appends a member to serialized members. */
export function joined(members: string, member: string): string {
  return members === '' ? member : `${members},${member}`;
}

const MAX_REMEMBERED_NAMES = 32;
const MAX_REMEMBERED_CHARACTERS = 256;
const remembered = new Map<string, { value: string; json: string }>();

/** Like `memberJson`, for names that the hub sets. The last value of each name is cached, because it seldom changes. */
export function hubMemberJson(name: string, value: unknown): string {
  if (typeof value !== 'string') return memberJson(name, value);
  const last = remembered.get(name);
  if (last?.value === value) return last.json;
  const json = memberJson(name, value);
  if (value.length <= MAX_REMEMBERED_CHARACTERS && (last || remembered.size < MAX_REMEMBERED_NAMES)) {
    remembered.set(name, { value, json });
  }
  return json;
}

function timestampJson(time: Date): string {
  return Number.isNaN(time.getTime()) ? 'null' : `"${isoTime(time)}"`;
}

let lastTime = NaN;
let lastText = '';

/** ISO 8601, UTC, with milliseconds. The last result is cached, because consecutive messages often share their time. */
export function isoTime(time: Date | number): string {
  const milliseconds = Number(time);
  if (milliseconds !== lastTime) {
    lastText = new Date(milliseconds).toISOString();
    lastTime = milliseconds;
  }
  return lastText;
}
