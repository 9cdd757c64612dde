import type { Position } from './ast';
import type { Relation } from './plan';
import type { Planner } from './planSelect';
import { QueryError } from './queryError';
import { type Column, recordSql, same } from './scope';
import { name, typeName, unify, widen } from './types';

/** The rows of one SELECT of a UNION. */
export interface UnionPart {
  relation: Relation;
  at: Position;
}

/**
 * Plans UNION: all rows of all parts. Their columns have the same names in the same order, in any case of the letters.
 * If a part has a `*` over an input, its columns depend on the event, so that the fields of each row are matched by name.
 *
 * @throws {QueryError} at the part whose columns differ from those of one before it
 */
export function planUnion(selects: readonly UnionPart[], planner: Planner, at: Position): Relation {
  const parts = selects.map(({ relation }) => relation);
  const [first] = parts;
  if (!first) throw new Error('a UNION of nothing');
  const open = parts.some(({ columns }) => columns.some(({ kind }) => kind === 'star'));
  const columns: Column[] = open
    ? [{ kind: 'star', name: '__star_0', type: 'record' }]
    : first.columns.map((column, i) => {
        const typed = parts.map((part) => ({ sql: '', type: part.columns[i]?.type ?? 'null' }));
        return { ...column, type: unify(typed) };
      });
  if (!open) requireSameColumns(selects, first.columns);
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

/**
 * "The number and the order of the columns must be the same in all queries. The data types must be compatible." The
 * definitions of the columns "have to be the same or must be named same using an alias" (UNION).
 *
 * @throws {QueryError}
 */
function requireSameColumns([, ...others]: readonly UnionPart[], first: readonly Column[]): void {
  const types = first.map(({ type }) => type);
  for (const { relation, at } of others) {
    const own = relation.columns;
    if (own.length !== first.length)
      throw new QueryError(
        `this SELECT has ${own.length} columns, but the first one of the UNION has ${first.length}: select as many in each`,
        at,
      );
    first.forEach((expected, i) => {
      const [{ name: ownName, type } = expected, known = 'any'] = [own[i], types[i]];
      if (!same(ownName, expected.name))
        throw new QueryError(
          `column ${i + 1} is '${ownName}', but in the first SELECT of the UNION it is '${expected.name}': select the same names in the same order, if need be with AS`,
          at,
        );
      if (type === 'any') return;
      types[i] = known === 'any' ? type : unify([known, type].map((one) => ({ sql: '', type: one })));
      if (types[i] === 'any')
        throw new QueryError(
          `the column '${ownName}' is ${typeName(type)}, but before it in the UNION it is ${typeName(known)}: cast one of them`,
          at,
        );
    });
  }
}
