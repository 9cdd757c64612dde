/**
 * AMQP values, as rhea decodes them, written as JSON text. By hand and for strings first: an answer of the feed holds
 * up to 10,000 messages with a dozen values each, and `JSON.stringify` of each map took longer than all the rest.
 */

const NEEDS_NO_ESCAPE = /^[\w .:/;=+@-]*$/;

/** A text as JSON. */
export function quote(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

export function quoteOrNull(text: string | null): string {
  return text === null ? 'null' : quote(text);
}

/** What JSON lacks: binary (and what rhea gives for integers beyond 2^53) is `{"base64": …}`, a timestamp ISO 8601. */
export function valueJson(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return 'null';
  if (value instanceof Date) return timestampJson(value);
  if (Buffer.isBuffer(value)) return `{"base64":"${value.toString('base64')}"}`;
  if (Array.isArray(value)) return `[${value.map(valueJson).join(',')}]`;
  return objectJson(value);
}

/** A JSON object of the map's own members. */
export function objectJson(map: object): string {
  let members = '';
  for (const name of Object.keys(map))
    members = joined(members, memberJson(name, (map as Record<string, unknown>)[name]));
  return `{${members}}`;
}

/** A member of a JSON object. */
function memberJson(name: string, value: unknown): string {
  return `${quote(name)}:${valueJson(value)}`;
}

/** Members of a JSON object and one more. */
export function joined(members: string, member: string): string {
  return members === '' ? member : `${members},${member}`;
}

const MAX_REMEMBERED_NAMES = 32;
const MAX_REMEMBERED_CHARACTERS = 256;
const remembered = new Map<string, { value: string; json: string }>();

/** The same for a name that the hub gives, whose value is mostly that of the message before: its text is kept. */
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

/** ISO 8601, UTC, with milliseconds. Remembers the last one: each message has its time twice, and neighbours share it. */
export function isoTime(time: Date | number): string {
  const milliseconds = Number(time);
  if (milliseconds !== lastTime) {
    lastText = new Date(milliseconds).toISOString();
    lastTime = milliseconds;
  }
  return lastText;
}
