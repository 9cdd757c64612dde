import type { z } from 'zod';

/** A request that the admin API rejects, with the HTTP status of the response. */
export class AdminError extends Error {
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 415,
    message: string,
    /** The valid names. */
    readonly known?: readonly string[],
  ) {
    super(message);
    this.name = 'AdminError';
  }
}

/** @throws AdminError 400, naming the invalid fields */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw new AdminError(400, reasons.join('; '));
}
