import type { Expression, Position } from './ast';
import { once } from './once';
import { isIndex } from './payloadStructure';
import { QueryError } from './queryError';
import { type Typed, name, quote, toJson } from './types';

/** A column of a step or of a result. Rows of a `*` over an input are JSON objects in one column. */
export interface Column {
  kind: 'column' | 'star';
  /** the name in the query; for a star, a name that no column has */
  name: string;
  type: Typed['type'];
  /** of a star: names that each of its records has */
  always?: readonly string[];
}

/** A column with its SQL. The value of a star is a JSON object. */
export interface Projected {
  column: Column;
  sql: string;
}

/** A name in FROM or JOIN, and what can be read through it. */
export interface Binding {
  alias: string;
  /** the name of the input, if AS gives it another one; it is not visible then */
  hidden?: string | undefined;
  /** the time of a row, which is not NULL; undefined for reference data and for results of APPLY */
  timestamp: string | undefined;
  field: (path: readonly string[], at: Position) => Typed;
  /** whether there is a column of this name; undefined if its columns depend on the event */
  has?: (column: string) => boolean;
  /** what `*` gives */
  star: () => readonly Projected[];
  /** the whole row as a JSON object */
  record: () => string;
  metadata: (path: readonly string[], at: Position) => Typed;
  /** the same, with another way to read fields of JSON columns; undefined if all fields are columns */
  readBy?: (read: ReadField) => Binding;
}

/** Reads a field of a JSON column. @param table and column in SQL */
export type ReadField = (table: string, column: string, path: readonly string[]) => Typed;

export interface Scope {
  /** resolves a dotted path, with or without the alias in front @throws {QueryError} */
  field: (path: readonly string[], at: Position) => Typed;
  binding: (alias: string, at: Position) => Binding;
  /** without a name: the only metadata */
  find: (alias: string | undefined) => Binding | undefined;
  bindings: readonly Binding[];
  timestamp: string;
}

/** The context of an expression, which determines the meaning of names and aggregates. */
export interface Context {
  scope: Scope;
  /** System.Timestamp(): the time of the event, or the end of its window */
  timestamp: string;
  translate: (expression: Expression) => Typed;
  /** translates expressions that have another meaning in this context, such as a grouping key after GROUP BY */
  replace: (expression: Expression) => Typed | undefined;
}

export const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export function createScope(bindings: readonly Binding[]): Scope {
  const find = (alias: string | undefined): Binding | undefined =>
    alias === undefined && bindings.length === 1
      ? bindings[0]
      : bindings.find((binding) => alias !== undefined && same(binding.alias, alias));
  const times = bindings.flatMap(({ timestamp }) => timestamp ?? []);
  return {
    bindings,
    find,
    timestamp: times.length > 1 ? `greatest(${times.join(', ')})` : (times[0] ?? 'NULL'),
    binding: (alias, at) => {
      const found = find(alias);
      if (!found)
        throw new QueryError(`FROM and JOIN of this SELECT have no input or step named '${alias}'`, at);
      return found;
    },
    field: (path, at) => {
      const own = find(path[0]);
      if (own && path.length > 1) return own.field(path.slice(1), at);
      if (path.length > 1) requireVisible(bindings, path, at);
      // "a record 'element_name', which contains the result" (APPLY)
      if (own && isApplied(own)) return { sql: own.record(), type: 'record' };
      const [only, ...others] = bindings;
      const applied = others.every(isApplied);
      if (others.length > 0 && !applied && bindings.every(({ has }) => has)) {
        // "Qualify column_name to prevent an ambiguous reference" (FROM): only one of these steps has the column.
        const [owner, second] = bindings.filter(({ has }) => has?.(path[0] ?? ''));
        if (owner && !second) return owner.field(path, at);
      }
      if (!only || (others.length > 0 && !applied)) {
        requireVisible(bindings, path, at);
        throw new QueryError(
          `'${path.join('.')}' is ambiguous: put the name of its input in front (${bindings.map(({ alias }) => alias).join(', ')})`,
          at,
        );
      }
      return only.field(path, at);
    },
  };
}

/** @throws {QueryError} if a path begins with the name of an input that AS has renamed */
export function requireVisible(bindings: readonly Binding[], path: readonly string[], at: Position): void {
  const [first = ''] = path;
  const renamed = bindings.find(({ hidden }) => hidden !== undefined && same(hidden, first));
  if (!renamed) return;
  const { alias } = renamed;
  throw new QueryError(
    `the input '${first}' is called '${alias}' in this SELECT: write ${[alias, ...path.slice(1)].join('.')}, or ${[alias, ...path].join('.')} for the field '${first}'`,
    at,
  );
}

/**
 * Whether an argument is the name of an input, which stands for its whole rows: COUNT(Input), udf.name(Input).
 *
 * @throws {QueryError} for the name of an input that AS has renamed
 */
export function isInput({ bindings, find }: Scope, arg: Expression): boolean {
  if (arg.kind !== 'path' || arg.path.length !== 1) return false;
  const binding = find(arg.path[0]);
  if (!binding) requireVisible(bindings, arg.path, arg.at);
  return binding !== undefined && !isApplied(binding);
}

/** Results of APPLY have no metadata, so such a binding does not hide unqualified names. */
export const refuseMetadata = (_: readonly string[], at: Position): Typed => {
  throw new QueryError('GetMetadataPropertyValue can read an input, but not the result of APPLY', at);
};

/** Whether a name is that of the result of APPLY. */
export const isApplied = ({ metadata }: Binding): boolean => metadata === refuseMetadata;

/** Reads a path in a record whose fields depend on the event. */
export function jsonField(json: string, path: readonly string[]): Typed {
  return {
    sql: path.reduce(
      (outer, part) =>
        once(
          [outer],
          (record) => `${isIndex(part) ? 'asa_field' : 'asa_plain_field'}(${record}, ${quote(part)})`,
        ),
      json,
    ),
    type: 'any',
  };
}

/** One JSON object of columns and stars. Of two fields with the same name, the left one is kept. */
export function recordSql(columns: readonly Projected[]): string {
  const pairs: string[] = [];
  const parts: string[] = [];
  const flush = (): void => {
    if (pairs.length > 0) parts.push(`json_object(${pairs.splice(0).join(', ')})`);
  };
  for (const { column, sql } of columns) {
    if (column.kind === 'star') {
      flush();
      parts.push(sql);
    } else pairs.push(`${quote(column.name)}, ${toJson({ sql, type: column.type })}`);
  }
  flush();
  if (parts.length === 0) return "CAST('{}' AS JSON)";
  return parts.length === 1
    ? (parts[0] ?? '')
    : `list_reduce([${parts.map((part) => `CAST(${part} AS JSON)`).join(', ')}], lambda a, b: asa_merge(a, b))`;
}

/** The text of {@link recordSql}: joined, if every value's text is known to be normal JSON. */
export function recordTextSql(columns: readonly Projected[]): string {
  const isSimple = ({ column: { kind, type } }: Projected): boolean =>
    kind === 'column' && type !== 'record' && type !== 'array';
  if (columns.length === 0 || !columns.every(isSimple)) return `CAST(${recordSql(columns)} AS VARCHAR)`;
  const fields = columns.map(
    ({ column, sql }, i) =>
      `${quote(`${i === 0 ? '{' : ','}${JSON.stringify(column.name)}:`)}, coalesce(CAST(${toJson({ sql, type: column.type })} AS VARCHAR), 'null')`,
  );
  return `concat(${fields.join(', ')}, '}')`;
}

/** SQL of a column under its name. */
export const asColumn = ({ column, sql }: Projected): string => `${sql} AS ${name(column.name)}`;
