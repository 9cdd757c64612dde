/** Checks that a query keeps the events of each timeline of TIMESTAMP BY … OVER apart, as TIMESTAMP BY demands. */

import type { Expression, Position, Query, Select, SelectQuery, Source } from './ast';
import { QueryError } from './queryError';
import { same } from './scope';

/** A column after OVER, as rows of a source or a step have it. */
interface Key {
  /** as the query writes it after OVER */
  name: string;
  /** its name in the rows; null if the rows no longer have it */
  column: string | null;
}

/** @throws {QueryError} where a GROUP BY or JOIN of streams lacks a column after OVER, or an input lacks OVER */
export function requireTimelines({ steps, statements }: Query, references: ReadonlySet<string>): void {
  const known = new Map<string, readonly Key[]>();
  const plain: Position[] = [];
  let over: string | undefined;

  function keysOf(source: Source): readonly Key[] {
    if (source.query) return keysOfQuery(source.query);
    const step = known.get(source.name.toLowerCase());
    if (source.over.length > 0) over ??= source.name;
    else if (step) return step;
    else if (!references.has(source.name.toLowerCase())) plain.push(source.timestampBy?.at ?? source.at);
    return source.over.flatMap((one) => {
      const name = one.kind === 'path' ? columnOf(one.path, [source]) : undefined;
      return name === undefined ? [] : { name, column: name };
    });
  }

  function keysOfQuery(query: SelectQuery): readonly Key[] {
    if (query.kind === 'union') return query.selects.map(keysOfQuery)[0] ?? [];
    if (query.kind === 'match') {
      keysOf(query.source);
      return [];
    }
    const keys = keysOf(query.from);
    for (const join of query.joins)
      if (join.kind === 'join') {
        const joined = keysOf(join.source);
        if (joined.length > 0) requireKeys(joined, equated(join.on, join.source), 'ON of this JOIN', join.at);
      }
    if (query.groupBy.length > 0) requireKeys(keys, groupedBy(query), 'GROUP BY', query.groupBy[0]?.at);
    return keys.map((key) => ({ ...key, column: projected(key, query) }));
  }

  for (const { name, query } of steps) known.set(name.toLowerCase(), keysOfQuery(query));
  statements.forEach(keysOfQuery);
  const [first] = plain;
  if (over !== undefined && first)
    throw new QueryError(
      `TIMESTAMP BY … OVER must follow all inputs or none, and '${over}' has it: add OVER to this input, too`,
      first,
    );
}

function requireKeys(
  keys: readonly Key[],
  found: readonly string[],
  clause: string,
  at: Position | undefined,
): void {
  for (const { name, column } of keys)
    if (at && (column === null || !found.some((one) => same(one, column))))
      throw new QueryError(
        `${clause} needs '${name}', because TIMESTAMP BY … OVER ${name} gives each value a timeline of its own${column === null ? ': select it in the step, too' : ''}`,
        at,
      );
}

const sourcesOf = ({ from, joins }: Select): Source[] => [
  from,
  ...joins.flatMap((one) => (one.kind === 'join' ? one.source : [])),
];

/** A path without the name of its source, as a text; undefined if it begins with the name of another source. */
function columnOf(path: readonly string[], sources: readonly Source[]): string {
  const isSource = sources.some(({ alias, name }) => path.length > 1 && same(alias ?? name, path[0] ?? ''));
  return (isSource ? path.slice(1) : path).join('.');
}

const groupedBy = (select: Select): string[] =>
  select.groupBy.flatMap((one) => (one.kind === 'path' ? columnOf(one.path, sourcesOf(select)) : []));

/** The columns of a source that a condition equates with something. */
function equated(on: Expression, source: Source): string[] {
  if (on.kind === 'and') return on.operands.flatMap((one) => equated(one, source));
  if (on.kind !== 'compare' || on.op !== '=') return [];
  return [on.left, on.right].flatMap((one) => (one.kind === 'path' ? columnOf(one.path, [source]) : []));
}

/** The name that a SELECT gives to a column. */
function projected({ column }: Key, select: Select): string | null {
  if (column === null) return null;
  for (const item of select.items) {
    if (item.kind === 'star') return column;
    const { expression, alias } = item;
    if (expression.kind === 'path' && same(columnOf(expression.path, sourcesOf(select)), column))
      return alias ?? expression.path.at(-1) ?? null;
  }
  return null;
}
