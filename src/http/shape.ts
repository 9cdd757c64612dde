import type * as z from 'zod';
import { Problem } from '../problems';

/**
 * Checks a body against its schema.
 *
 * @throws {Problem} `invalid_request`, naming the fields and what was expected of them, never a value
 */
export function requireShape<T>(schema: z.ZodType<T>, body: unknown): T {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const wrong = read.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  throw new Problem('invalid_request', `${wrong.join('; ')}.`);
}
