import type * as z from 'zod';
import { type JsonNode, plainValue } from '../json';
import { Problem } from '../errorCodes';

/**
 * Validates a body, or a part of it, against the schema of an object. Only the fields in the schema are parsed.
 *
 * @throws {Problem} `invalid_request`, naming the invalid fields and the expectation, but no values. A name that occurs
 * twice is also invalid, because parsers differ in which value they use.
 */
export function validateBody<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  bytes: Buffer,
  { kind, members, hasDuplicates, isTruncated }: JsonNode,
): z.infer<z.ZodObject<Shape>> {
  if (kind !== 'object') throw new Problem('invalid_request', 'body: is not an object.');
  const fields = [...(members ?? [])].filter(([name]) => Object.hasOwn(schema.shape, name));
  const read = schema.safeParse(
    Object.fromEntries(fields.map(([name, node]) => [name, plainValue(bytes, node)])),
  );
  if (!read.success) throw invalidBody(read.error);
  if (hasDuplicates) throw new Problem('invalid_request', 'A name occurs twice in the same object.');
  if (isTruncated)
    throw new Problem('invalid_request', `The object has more than ${members?.size ?? 0} fields.`);
  return read.data;
}

/** Describes the invalid fields without their values. */
function invalidBody({ issues }: z.ZodError): Problem {
  const wrong = issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  return new Problem('invalid_request', `${wrong.join('; ')}.`);
}
