import type { Position } from './ast';
import { databaseErrorKind, internalMeaning, textOf } from './internalError';

/** An error in a query, with its position: a syntax error, an unknown name, or an unsupported construct. */
export class QueryError extends Error {
  override readonly name = 'QueryError';

  constructor(
    message: string,
    readonly at: Position,
    options?: { cause: unknown },
  ) {
    // A name in brackets may have line breaks.
    super(message.replaceAll(/\s*[\r\n]+\s*/g, ' '), options);
  }
}

/** As a compiler says it: `file:line:column: message`. */
export function diagnostic(file: string, { at, message }: QueryError): string {
  return `${file}:${at.line}:${at.column}: ${message}`;
}

/** The text of any error of a query as a user may see it, with the place in the query if it has one. */
export const problemText = (file: string, error: unknown): string =>
  error instanceof QueryError ? diagnostic(file, error) : textOf(error);

/** The kinds of DuckDB errors that an event's values can cause, and their meaning for the author of the query. */
const RAISED: Readonly<Record<string, string>> = {
  'Out of Range': 'a number exceeds the range of its type',
  Conversion: 'a value cannot be converted to the type that is required',
  'Invalid Input': 'a function rejects its argument',
};

/**
 * What a statement of a translated query raises while it runs. A failed CAST tells its own place (`line:column: …`);
 * else the place is the statement's. An unforeseen error of DuckDB becomes the `cause` of one that does not show its text.
 * Errors about files, and errors that are not DuckDB's, are returned unchanged.
 */
export function raisedInQuery(error: unknown, statement: Position): unknown {
  const { message } = error as Error;
  const [, line, column, failure] =
    /(\d+):(\d+): ((?:CAST to|the function|MATCH_RECOGNIZE) [^\n]*)/.exec(message) ?? [];
  if (failure !== undefined) return new QueryError(failure, { line: Number(line), column: Number(column) });
  const kind = databaseErrorKind(error);
  if (kind === undefined || kind === 'IO') return error;
  // Of a sum of bigints, DuckDB says that it cannot be cast.
  const raised = RAISED[message.includes('out of range for the destination type') ? 'Out of Range' : kind];
  if (raised !== undefined) return new QueryError(`${raised}, so the job stops`, statement);
  return new QueryError(`${internalMeaning(error)}, so the job stops`, statement, { cause: error });
}
