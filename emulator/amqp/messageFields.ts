/** Reads the fields of AMQP messages that clients write with different types. */

import { message as amqp, types, uuid_to_string, type Message } from 'rhea';

const UUID_BYTES = 16;

/** Text, numbers and booleans as text; other types as undefined. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** A message id or correlation id. rhea returns a uuid as 16 bytes. */
export const idOf = (value: unknown): string | undefined =>
  Buffer.isBuffer(value) && value.length === UUID_BYTES ? uuid_to_string(value) : textOf(value);

/**
 * An id of a request, for its response. rhea writes every id of type Buffer as a uuid. A value of a type that no id has
 * (AMQP 1.0, 3.2.4) is left out, because rhea cannot write it.
 */
export function echoedId(id: unknown): unknown {
  if (Buffer.isBuffer(id)) return id.length === UUID_BYTES ? id : types.wrap_binary(id);
  const isWritable = typeof id === 'string' || (Number.isSafeInteger(id) && (id as number) >= 0);
  return isWritable ? id : undefined;
}

/** The bytes of a message's body: its data sections, or the text of a value. */
export function bytesOf(message: Message): Buffer {
  const { body } = message as { body?: unknown };
  const content = typeof body === 'object' && body !== null && 'content' in body ? body.content : body;
  const parts = Array.isArray(content) ? (content as unknown[]) : [content];
  return Buffer.concat(
    parts.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(textOf(part) ?? '', 'utf8'))),
  );
}

/** AMQP's timestamps have 64 bits: most are beyond the range of ISO 8601 in JavaScript, and are left out. */
const timeOf = (time: Date): string | undefined =>
  Number.isNaN(time.getTime()) ? undefined : time.toISOString();

export const applicationProperties = (message: Message): Readonly<Record<string, unknown>> =>
  (message as { application_properties?: Record<string, unknown> | null }).application_properties ?? {};

/** The application properties as text, without those that are null. */
export function textProperties(message: Message): (readonly [name: string, value: string])[] {
  return Object.entries(applicationProperties(message)).flatMap(([name, value]) => {
    const text = value instanceof Date ? timeOf(value) : textOf(value);
    return text === undefined ? [] : [[name, text] as const];
  });
}

/** A body of one data section. */
export const dataSection = (bytes: Buffer): unknown => amqp.data_section(bytes);
