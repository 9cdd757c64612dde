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

/** What a translated query raises while it runs has its place in front: `line:column: …`. */
export function raisedInQuery(error: unknown): QueryError | undefined {
  const found = /(\d+):(\d+): (CAST to [^\n]*)/.exec((error as Error).message);
  if (!found) return undefined;
  const [, line, column, message = ''] = found;
  return new QueryError(message, { line: Number(line), column: Number(column) });
}
