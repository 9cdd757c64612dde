/** Bounds how deeply a query is nested, because DuckDB's time grows with the cube of the depth. */

import type { Position, Query } from './ast';
import { QueryError } from './queryError';

/** Operators, functions, CASEs and queries inside each other. A chain such as `a + b + c` is as deep as it is long. */
const MAX_DEPTH = 80;

/** @throws {QueryError} at the first part that lies too deep */
export function requireShallow(query: Query): void {
  const pending: { node: unknown; depth: number; at: Position }[] = [
    { node: query, depth: 0, at: { line: 1, column: 1 } },
  ];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { node, depth } = next;
    if (typeof node !== 'object' || node === null) continue;
    const at = 'at' in node ? (node.at as Position) : next.at;
    const isPath = 'path' in node && Array.isArray(node.path) && node.path.length > MAX_DEPTH;
    if (depth > MAX_DEPTH || isPath)
      throw new QueryError(
        isPath
          ? `a field is nested deeper than ${MAX_DEPTH} records`
          : `more than ${MAX_DEPTH} operators or functions are inside each other or in a row: compute a part in a WITH step`,
        at,
      );
    const inner = 'kind' in node ? depth + 1 : depth;
    for (const child of Object.values(node)) pending.push({ node: child, depth: inner, at });
  }
}
