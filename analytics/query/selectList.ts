import type { Expression, Select } from './ast';
import { titleOf } from './grouping';
import { QueryError } from './queryError';
import { type Binding, type Projected, type Scope, isApplied, requireVisible } from './scope';
import type { Typed } from './types';

/** Prefix of internal column names. */
const INTERNAL_PREFIX = '__';

/**
 * The columns of a SELECT, each with its SQL. A column of a `*` is dropped if a column on its left has the same name,
 * and so is a named column if a `*` on its left has it.
 *
 * @throws {QueryError} for two named columns with the same name
 */
export function columnsOf(
  { items, joins }: Select,
  scope: Scope,
  translate: (expression: Expression) => Typed,
): Projected[] {
  const named = new Set<string>();
  const taken = new Set<string>();
  const columns: Projected[] = [];
  let stars = 0;
  for (const item of items) {
    if (item.kind === 'star') {
      if (item.path.length === 0 && joins.some(({ kind }) => kind === 'join'))
        throw new QueryError(
          `SELECT * cannot be used with JOIN: list the columns, or put the names of the inputs in front (${scope.bindings.map(({ alias }) => `${alias}.*`).join(', ')})`,
          item.at,
        );
      for (const one of starOf(item.path, scope, item.at)) {
        if (one.column.kind === 'star') {
          columns.push({ column: { ...one.column, name: `__star_${stars}` }, sql: one.sql });
          stars += 1;
        } else if (!taken.has(one.column.name.toLowerCase())) {
          taken.add(one.column.name.toLowerCase());
          columns.push(one);
        }
      }
      continue;
    }
    const typed = translate(item.expression);
    const title = item.alias ?? titleOf(item.expression);
    const key = title.toLowerCase();
    if (named.has(key))
      throw new QueryError(`two columns are named '${title}': rename one of them with AS`, item.at);
    if (title.startsWith(INTERNAL_PREFIX))
      throw new QueryError(
        `the column name '${title}' begins with two underscores, which the runner reserves: rename the column with AS`,
        item.at,
      );
    named.add(key);
    if (taken.has(key)) continue;
    taken.add(key);
    const sql = typed.type === 'null' ? 'CAST(NULL AS VARCHAR)' : typed.sql;
    columns.push({ column: { kind: 'column', name: title, type: typed.type }, sql });
  }
  return columns;
}

function starOf(path: readonly string[], scope: Scope, at: Select['at']): readonly Projected[] {
  if (path.length === 0) return scope.bindings.flatMap(wholeOf);
  const binding = path.length === 1 ? scope.find(path[0]) : undefined;
  if (binding) return binding.star();
  if (path.length === 1) requireVisible(scope.bindings, [...path, '*'], at);
  const record = `asa_record(${scope.field(path, at).sql})`;
  return [{ column: { kind: 'star', name: '*', type: 'record' }, sql: record }];
}

/** The result of APPLY is one record under its name. */
function wholeOf(binding: Binding): readonly Projected[] {
  if (!isApplied(binding)) return binding.star();
  return [{ column: { kind: 'column', name: binding.alias, type: 'record' }, sql: binding.record() }];
}
