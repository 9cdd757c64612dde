import type { Position } from './ast';

/** What is wrong with a query, and where: a syntax error, an unknown name, or a construct that is not covered. */
export class QueryError extends Error {
  override readonly name = 'QueryError';

  constructor(
    message: string,
    readonly at: Position,
  ) {
    super(message);
  }
}

/** As a compiler says it: `file:line:column: message`. */
export function diagnostic(file: string, { at, message }: QueryError): string {
  return `${file}:${at.line}:${at.column}: ${message}`;
}

/** DuckDB's kinds of errors that an event's values can bring about, and what they come to. */
const RAISED: Readonly<Record<string, string>> = {
  'Out of Range Error': 'a number exceeds the range of its type',
  'Conversion Error': 'a value cannot be converted to the type that is required',
  'Invalid Input Error': 'a function rejects its argument',
};

/**
 * What a statement of a translated query raises while it runs. A failed CAST tells its own place (`line:column: …`);
 * else the place is the statement's. Anything unforeseen is given back as it is.
 */
export function raisedInQuery(error: unknown, statement: Position): unknown {
  const { message } = error as Error;
  const [, line, column, failure] = /(\d+):(\d+): ((?:CAST to|the function) [^\n]*)/.exec(message) ?? [];
  if (failure !== undefined) return new QueryError(failure, { line: Number(line), column: Number(column) });
  const raised = RAISED[/^[\w ]+(?=: )/.exec(message)?.[0] ?? ''];
  return raised === undefined ? error : new QueryError(`${raised}, so the job stops`, statement);
}
