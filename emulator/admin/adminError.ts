import type { z } from 'zod';

/** A refusal of the admin API, with the HTTP status that it has there. */
export class AdminError extends Error {
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 415,
    message: string,
    /** The names that would have been right. */
    readonly known?: readonly string[],
  ) {
    super(message);
    this.name = 'AdminError';
  }
}

/** @throws AdminError 400, naming the fields that are wrong */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw new AdminError(400, reasons.join('; '));
}
