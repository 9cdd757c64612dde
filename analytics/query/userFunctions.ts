/** Translates calls of functions that are not SQL. */

import type { Call, Expression, Position } from './ast';
import { once } from './once';
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

/** SQL of a call, whose result is JSON, of SQL of its arguments as JSON, and of their kinds. */
function callSql(use: FunctionUse, args: string, kinds: string): string {
  const place = quote(`${use.at.line}:${use.at.column}`);
  return `CAST(${functionTable(use)}(CAST(${args} AS VARCHAR), ${kinds}, ${place}) AS JSON)`;
}

/** SQL of whether a value is a datetime. */
const isDatetime = ({ sql, type }: Typed): string =>
  type === 'any' ? `asa_is_datetime(${sql})` : String(type === 'datetime');

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
  // Only of values whose type depends on the event, both the type and the value are read.
  const dynamic = values.filter(({ type }) => type === 'any').map((value) => value.sql);
  const sql = once(dynamic, (...names) => {
    const nameOf = new Map(dynamic.map((one, i) => [one, names[i] ?? one]));
    const named = values.map((value) => ({ ...value, sql: nameOf.get(value.sql) ?? value.sql }));
    const kinds = named.map((value) => `CASE WHEN ${isDatetime(value)} THEN 'd' ELSE 'v' END`);
    const args = `json_array(${named.map(toJson).join(', ')})`;
    return callSql(use, args, [quote(''), ...kinds].join(' || '));
  });
  return { sql, type: 'any' };
}

/**
 * A call of uda.name(value): the values of the group in the order of time, each with its time.
 *
 * @param order SQL of this order
 */
export function callAggregate(use: FunctionUse, value: Typed, order: string): Typed {
  const pair = once([value.sql], (sql) => {
    const both = `${toJson({ ...value, sql })}, asa_datetime_text(__ts)`;
    return `CASE WHEN ${isDatetime({ ...value, sql })} THEN json_array(${both}, true) ELSE json_array(${both}) END`;
  });
  return { sql: callSql(use, `to_json(list(${pair} ORDER BY ${order}))`, quote('')), type: 'any' };
}
