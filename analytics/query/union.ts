import type { Position } from './ast';
import type { Relation } from './plan';
import type { Planner } from './planSelect';
import { QueryError } from './queryError';
import { type Column, recordSql } from './scope';
import { name, unify, widen } from './types';

/**
 * Plans UNION: all rows of all parts. Columns are matched by position, and named by the first part.
 *
 * @throws {QueryError}
 */
export function planUnion(parts: readonly Relation[], planner: Planner, at: Position): Relation {
  const [first] = parts;
  if (!first) throw new Error('a UNION of nothing');
  const open = parts.some(({ columns }) => columns.some(({ kind }) => kind === 'star'));
  const columns: Column[] = open
    ? [{ kind: 'star', name: '__star_0', type: 'record' }]
    : first.columns.map((column, i) => {
        const typed = parts.map((part) => ({ sql: '', type: part.columns[i]?.type ?? 'null' }));
        return { ...column, type: unify(typed) };
      });
  if (!open && parts.some((part) => part.columns.length !== columns.length))
    throw new QueryError(
      'the SELECTs of a UNION have different numbers of columns: select as many in each',
      at,
    );
  const selected = (part: Relation): string => {
    if (open)
      return `${recordSql(part.columns.map((column) => ({ column, sql: name(column.name) })))} AS __star_0`;
    return columns
      .map((column, i) => {
        const own = part.columns[i] ?? column;
        const value =
          own.type === 'null' ? { sql: 'NULL', type: own.type } : { sql: name(own.name), type: own.type };
        const sql = column.type === 'null' ? 'CAST(NULL AS VARCHAR)' : widen(value, column.type);
        return `${sql} AS ${name(column.name)}`;
      })
      .join(', ');
  };
  const table = planner.tableName();
  const sources = [...new Set(parts.flatMap((part) => part.sources))];
  planner.add({
    kind: 'plain',
    table,
    sql: parts
      .map(
        (part, i) =>
          `SELECT ${selected(part)}, __ts, __seq, list_prepend(CAST(${i} AS BIGINT), __row) AS __row FROM ${name(part.table)}`,
      )
      .join(' UNION ALL '),
    sources,
    at,
  });
  const delayUs = Math.max(...parts.map((part) => part.delayUs));
  const ascends = parts.every((part) => part.ascends && part.delayUs === delayUs);
  return { table, columns, sources, delayUs, rowLength: undefined, keepsOrder: false, ascends };
}
