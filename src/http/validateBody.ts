import type * as z from 'zod';
import { Problem } from '../problems';
import { type JsonText, type Span, memberSpans, wholeSpan } from './jsonText';

/**
 * Checks a body that is an object against its schema.
 *
 * @returns what the schema makes of it, and where each of its members stands in the text
 * @throws {Problem} `invalid_request`, naming the fields and what was expected of them, never a value; or when a name
 * stands twice
 */
export function validateBody<T>(
  schema: z.ZodType<T>,
  { text, value }: JsonText,
): { value: T; members: Map<string, Span> } {
  const read = schema.safeParse(value);
  if (!read.success) throw invalidBody(read.error);
  return { value: read.data, members: memberSpans(text, wholeSpan(text)) };
}

/** The fields that are wrong, without their values. */
export function invalidBody({ issues }: z.ZodError): Problem {
  const wrong = issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  return new Problem('invalid_request', `${wrong.join('; ')}.`);
}
