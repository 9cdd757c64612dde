import type { Expression, OrderItem } from './ast';
import { QueryError } from './queryError';
import { type Typed, isNumeric } from './types';

export interface AggregateCall {
  name: string;
  distinct: boolean;
  args: Expression[];
  over: OrderItem[] | null;
  at: Expression['at'];
}

/** What an aggregate may ask of the rows of its group. A kept row stands for `__n` equal ones. */
export interface GroupRows {
  /** an expression of each row, kept with the row until its window closes */
  keep: (expression: Expression) => Typed;
  /** the whole row as a record */
  keepRow: () => Typed;
  /** asks for each row on its own: `__n` is 1 */
  single: () => void;
}

type Aggregate = (call: AggregateCall, rows: GroupRows) => Typed;

function onlyArgument({ name, args, at }: AggregateCall): Expression {
  const [arg] = args;
  if (!arg || args.length !== 1) throw new QueryError(`${name} takes one argument, not ${args.length}`, at);
  return arg;
}

function refuseOver({ name, over, at }: AggregateCall): void {
  if (over) throw new QueryError(`${name} takes no OVER (ORDER BY …)`, at);
}

/** Of numbers; what an event brings that is no number does not count. */
function overNumbers(sql: (value: string) => string): Aggregate {
  return (call, rows) => {
    refuseOver(call);
    const value = rows.keep(onlyArgument(call));
    const number = value.type === 'any' ? `asa_number(${value.sql})` : value.sql;
    if (value.type !== 'any' && !isNumeric(value.type))
      throw new QueryError(`${call.name} takes numbers, not ${value.type}`, call.at);
    if (!call.distinct) rows.single();
    return { sql: sql((call.distinct ? 'DISTINCT ' : '') + number), type: 'float' };
  };
}

const sum: Aggregate = (call, rows) => {
  refuseOver(call);
  const value = rows.keep(onlyArgument(call));
  const each = call.distinct ? 'DISTINCT ' : '';
  if (value.type === 'bigint') {
    const summed = call.distinct ? `DISTINCT ${value.sql}` : `CAST(${value.sql} AS HUGEINT) * __n`;
    return { sql: `CAST(sum(${summed}) AS BIGINT)`, type: 'bigint' };
  }
  // Of floats the order counts, and how often each is added.
  if (!call.distinct) rows.single();
  if (value.type === 'float') return { sql: `sum(${each}${value.sql})`, type: 'float' };
  if (value.type !== 'any') throw new QueryError(`${call.name} takes numbers, not ${value.type}`, call.at);
  return {
    sql: `CASE WHEN bool_and(coalesce(asa_is_int(${value.sql}), true)) THEN to_json(CAST(sum(${each}CASE WHEN asa_is_int(${value.sql}) THEN asa_bigint(${value.sql}) END) AS BIGINT))
      ELSE to_json(sum(${each}asa_number(${value.sql}))) END`,
    type: 'any',
  };
};

/** MIN and MAX, by number where there are numbers, else by text. */
function extreme(name: 'min' | 'max'): Aggregate {
  return (call, rows) => {
    refuseOver(call);
    const { sql, type } = rows.keep(onlyArgument(call));
    if (type !== 'any') return { sql: `${name}(${sql})`, type };
    return {
      sql: `coalesce(arg_${name}(${sql}, asa_number(${sql})), arg_${name}(${sql}, asa_string(${sql})))`,
      type: 'any',
    };
  };
}

const count: Aggregate = (call, rows) => {
  refuseOver(call);
  const arg = onlyArgument(call);
  if (arg.kind === 'allRows') return { sql: 'CAST(sum(__n) AS BIGINT)', type: 'bigint' };
  const value = rows.keep(arg);
  if (!call.distinct)
    return {
      sql: `CAST(coalesce(sum(__n) FILTER (WHERE ${value.sql} IS NOT NULL), 0) AS BIGINT)`,
      type: 'bigint',
    };
  const counted = value.type === 'any' ? `CAST(${value.sql} AS VARCHAR)` : value.sql;
  return { sql: `count(DISTINCT ${counted})`, type: 'bigint' };
};

/** The record of the row that stands first in the order. Values of unknown type are ordered as numbers, then texts. */
const topOne: Aggregate = (call, rows) => {
  const { over, args, at } = call;
  if (!over || args.length > 0)
    throw new QueryError('TopOne takes no argument and wants OVER (ORDER BY …)', at);
  rows.single();
  const order = over.map(({ expression, descending }) => {
    const { sql, type } = rows.keep(expression);
    const direction = descending ? 'DESC NULLS LAST' : 'ASC NULLS LAST';
    return type === 'any'
      ? `asa_number(${sql}) ${direction}, asa_string(${sql}) ${direction}`
      : `${sql} ${direction}`;
  });
  return { sql: `first(${rows.keepRow().sql} ORDER BY ${order.join(', ')}, __seq)`, type: 'record' };
};

const collect: Aggregate = (call, rows) => {
  refuseOver(call);
  rows.single();
  const value = call.args.length === 0 ? rows.keepRow() : rows.keep(onlyArgument(call));
  return { sql: `to_json(list(${value.sql} ORDER BY __seq))`, type: 'array' };
};

/** By lower-case name. */
export const AGGREGATES: Readonly<Record<string, Aggregate>> = {
  count,
  sum,
  avg: overNumbers((value) => `avg(${value})`),
  min: extreme('min'),
  max: extreme('max'),
  stdev: overNumbers((value) => `stddev_samp(${value})`),
  stdevp: overNumbers((value) => `stddev_pop(${value})`),
  var: overNumbers((value) => `var_samp(${value})`),
  varp: overNumbers((value) => `var_pop(${value})`),
  topone: topOne,
  collect,
};

/** Whether an aggregate stands anywhere in a part of a query. */
export function holdsAggregate(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  const isAggregate =
    'kind' in node && node.kind === 'call' && 'name' in node && String(node.name).toLowerCase() in AGGREGATES;
  return isAggregate || Object.values(node).some(holdsAggregate);
}
