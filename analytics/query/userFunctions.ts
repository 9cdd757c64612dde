/** Translates calls of functions that are not SQL. */

import type { Call, Expression, Position } from './ast';
import { QueryError } from './queryError';
import { type Scope, isInput } from './scope';
import { type Typed, quote, toJson } from './types';

/** A function that is not SQL: its calls go to JavaScript. */
export interface FunctionUse {
  /** without the prefix udf. or uda.; of a geospatial function in lower case */
  name: string;
  kind: 'scalar' | 'aggregate' | 'geography';
  at: Position;
}

const GEOGRAPHY = /^st_(within|distance|intersects|overlaps)$/;

/** What a name stands for; undefined: for a function of another kind. */
export function functionUse({ name, at }: Pick<Call, 'name' | 'at'>): FunctionUse | undefined {
  const [, prefix = '', alias] = /^(ud[af])\.(.+)$/is.exec(name) ?? [];
  if (alias !== undefined)
    return { name: alias, kind: prefix.toLowerCase() === 'udf' ? 'scalar' : 'aggregate', at };
  return GEOGRAPHY.test(name.toLowerCase()) ? { name: name.toLowerCase(), kind: 'geography', at } : undefined;
}

/** The name of a function in DuckDB. */
export const functionTable = ({ name, kind }: Pick<FunctionUse, 'name' | 'kind'>): string =>
  `${kind}_${Buffer.from(name.toLowerCase()).toString('hex')}`;

/** All functions that a query calls, each once. */
export function functionsOf(node: unknown, found = new Map<string, FunctionUse>()): Map<string, FunctionUse> {
  if (typeof node !== 'object' || node === null) return found;
  if ('kind' in node && node.kind === 'call') {
    const use = functionUse(node as Call);
    if (use && !found.has(functionTable(use))) found.set(functionTable(use), use);
  }
  for (const one of Object.values(node)) functionsOf(one, found);
  return found;
}

/** The whole row of an input, where an argument is its name alone. */
function rowOf(scope: Scope, arg: Expression): Typed | undefined {
  const binding = arg.kind === 'path' && isInput(scope, arg) ? scope.find(arg.path[0]) : undefined;
  return binding && { sql: binding.record(), type: 'record' };
}

/** SQL of a call, of JSON that holds its arguments. */
function callSql(use: FunctionUse, args: string, values: readonly Typed[]): Typed {
  const kinds = values.map(({ type }) => (type === 'datetime' ? 'd' : 'v')).join('');
  const place = `${use.at.line}:${use.at.column}`;
  return {
    sql: `CAST(${functionTable(use)}(CAST(${args} AS VARCHAR), ${quote(kinds)}, ${quote(place)}) AS JSON)`,
    type: 'any',
  };
}

/** A call of udf.name(…) or of a geospatial function. */
export function callScalar(
  call: Call,
  use: FunctionUse,
  scope: Scope,
  translate: (expression: Expression) => Typed,
): Typed {
  if (use.kind === 'geography' && call.args.length !== 2)
    throw new QueryError(`${call.name} takes 2 arguments, not ${call.args.length}`, call.at);
  const values = call.args.map((arg) => rowOf(scope, arg) ?? translate(arg));
  return callSql(use, `json_array(${values.map(toJson).join(', ')})`, values);
}

/**
 * A call of uda.name(value): the values of the group in the order of time, each with its time.
 *
 * @param order SQL of this order
 */
export const callAggregate = (use: FunctionUse, value: Typed, order: string): Typed =>
  callSql(use, `to_json(list(json_array(${toJson(value)}, asa_datetime_text(__ts)) ORDER BY ${order}))`, [
    value,
  ]);
