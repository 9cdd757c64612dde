import type { Call, Expression } from './ast';
import { distinctKey } from './comparison';
import { once } from './once';
import { QueryError } from './queryError';
import { callAggregate, functionUse } from './userFunctions';
import { type Typed, call as macro, isNumeric, toJson, typeName } from './types';

/** The columns that an aggregate can request of the rows of its group. A kept row stands for `__n` equal ones. */
export interface GroupRows {
  /** an expression of each row, as a column of the kept rows */
  keep: (expression: Expression) => Typed;
  /** the whole row as a record */
  keepRow: () => Typed;
  /** asks for each row on its own: `__n` is 1 */
  single: () => void;
  /** whether a name is that of an input: COUNT(Input) counts its events */
  isInput: (expression: Expression) => boolean;
  /** SQL that orders rows, regardless of their batches */
  order: string;
}

/** An aggregate in DuckDB SQL, as `suffix` (FILTER and OVER) completes each of its parts. */
type Aggregate = (call: Call, rows: GroupRows, suffix: string) => Typed;

function onlyArgument({ name, args, at }: Call): Expression {
  const [arg] = args;
  if (!arg || args.length !== 1) throw new QueryError(`${name} takes one argument, not ${args.length}`, at);
  return arg;
}

function refuseOrder({ name, over, at }: Call): void {
  if (over && over.orderBy.length > 0) throw new QueryError(`${name} cannot have OVER (ORDER BY …)`, at);
}

/** SQL of an aggregate function of DuckDB over a value of each row. */
type Part = (name: string, value: string) => string;

/** For numbers. Values of an event that are not numbers are ignored. */
function overNumbers(sql: (number: string, part: Part) => string): Aggregate {
  return (call, rows, suffix) => {
    refuseOrder(call);
    const value = rows.keep(onlyArgument(call));
    if (value.type !== 'any' && !isNumeric(value.type))
      throw new QueryError(`${call.name} takes numbers, not ${typeName(value.type)}`, call.at);
    const number = value.type === 'any' ? `asa_number(${value.sql})` : `CAST(${value.sql} AS DOUBLE)`;
    if (!call.distinct) rows.single();
    const each = call.distinct ? 'DISTINCT ' : '';
    return { sql: sql(number, (name, one) => `${name}(${each}${one})${suffix}`), type: 'float' };
  };
}

/** SQL of a float that is NULL beyond its range, as a sum may be. */
const finite = macro('asa_finite');

/** 2^64: the sum of so many floats, each divided by it, is within the range of a float. */
const SCALE = '18446744073709551616::DOUBLE';

/** The mean of floats whose sum exceeds the range of a float is within this range. */
const average = overNumbers((number, part) =>
  once(
    [part('avg', number), part('avg', `${number} / ${SCALE}`)],
    (mean, scaled) => `CASE WHEN isfinite(${mean}) THEN ${mean} ELSE asa_finite(${scaled} * ${SCALE}) END`,
  ),
);

/** The squares of smaller numbers, and a sum of 10^8 of them, are within the range of a float (1.8e308). */
const MAX_SQUARED = '1e150';

/** A measure of spread. It is NULL if squares exceed the range of a float, where DuckDB would raise an error. */
const spread = (name: string): Aggregate =>
  overNumbers(
    (number, part) =>
      `CASE WHEN ${part('max', `abs(${number})`)} < ${MAX_SQUARED} THEN ${part(name, `CASE WHEN abs(${number}) < ${MAX_SQUARED} THEN ${number} END`)} END`,
  );

const sum: Aggregate = (call, rows, suffix) => {
  refuseOrder(call);
  const value = rows.keep(onlyArgument(call));
  const each = call.distinct ? 'DISTINCT ' : '';
  if (value.type === 'bigint') {
    const summed = call.distinct ? `DISTINCT ${value.sql}` : `CAST(${value.sql} AS HUGEINT) * __n`;
    return { sql: `CAST(sum(${summed})${suffix} AS BIGINT)`, type: 'bigint' };
  }
  // For floats, the result depends on the order, and on how often each value is added.
  if (!call.distinct) rows.single();
  if (value.type === 'float') return { sql: finite(`sum(${each}${value.sql})${suffix}`), type: 'float' };
  if (value.type !== 'any')
    throw new QueryError(`${call.name} takes numbers, not ${typeName(value.type)}`, call.at);
  return {
    sql: `CASE WHEN bool_and(coalesce(asa_is_int(${value.sql}), true))${suffix} THEN to_json(CAST(sum(${each}CASE WHEN asa_is_int(${value.sql}) THEN asa_bigint(${value.sql}) END)${suffix} AS BIGINT))
      ELSE ${macro('asa_float_json')(`sum(${each}asa_number(${value.sql}))${suffix}`)} END`,
    type: 'any',
  };
};

/** MIN and MAX compare numbers if there are any, otherwise texts. */
function extreme(name: 'min' | 'max'): Aggregate {
  return (call, rows, suffix) => {
    refuseOrder(call);
    const { sql, type } = rows.keep(onlyArgument(call));
    if (type === 'record' || type === 'array')
      throw new QueryError(`${call.name} does not take ${typeName(type)}`, call.at);
    if (type !== 'any') return { sql: `${name}(${sql})${suffix}`, type };
    return {
      sql: `coalesce(arg_${name}(${sql}, asa_number(${sql}))${suffix}, arg_${name}(${sql}, asa_string(${sql}))${suffix})`,
      type: 'any',
    };
  };
}

const count: Aggregate = (call, rows, suffix) => {
  refuseOrder(call);
  const arg = call.args.length === 0 ? undefined : onlyArgument(call);
  const ofInput = arg === undefined || arg.kind === 'allRows' || rows.isInput(arg);
  if (ofInput && !call.distinct)
    return { sql: `CAST(coalesce(sum(__n)${suffix}, 0) AS BIGINT)`, type: 'bigint' };
  if (arg?.kind === 'allRows' || !arg)
    throw new QueryError(
      'COUNT(DISTINCT *) is not possible: name a column, as in COUNT(DISTINCT deviceId)',
      call.at,
    );
  const value = ofInput ? rows.keepRow() : rows.keep(arg);
  if (!call.distinct)
    return {
      sql: `CAST(coalesce(sum(CASE WHEN ${value.sql} IS NOT NULL THEN __n END)${suffix}, 0) AS BIGINT)`,
      type: 'bigint',
    };
  return { sql: `count(DISTINCT ${distinctKey(value)})${suffix}`, type: 'bigint' };
};

/** The order of TopOne and CollectTop. NULL is the least value; values of unknown type are numbers, then texts. */
function orderOf({ over, name, args, at }: Call, rows: GroupRows): string {
  if (!over || over.orderBy.length === 0)
    throw new QueryError(
      `${name} needs an order, as in ${name}(${args.length > 0 ? '…' : ''}) OVER (ORDER BY temperature DESC)`,
      at,
    );
  const order = over.orderBy.map(({ expression, descending }) => {
    const { sql, type } = rows.keep(expression);
    const direction = descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST';
    return type === 'any'
      ? `asa_number(${sql}) ${direction}, asa_string(${sql}) ${direction}`
      : `${sql} ${direction}`;
  });
  return `${order.join(', ')}, ${rows.order}`;
}

const topOne: Aggregate = (call, rows, suffix) => {
  const [value] = call.args;
  if (call.args.length > 1)
    throw new QueryError(`${call.name} takes at most one argument, not ${call.args.length}`, call.at);
  rows.single();
  const { sql, type } = value && !isAllRows(value) ? rows.keep(value) : rows.keepRow();
  const ordered = `${sql} ORDER BY ${orderOf(call, rows)}`;
  // With OVER, DuckDB's first() is another function, which cannot have FILTER.
  return { sql: suffix === '' ? `first(${ordered})` : `(list(${ordered})${suffix})[1]`, type };
};

/** @returns undefined where there is no such literal */
function integerLiteral(arg: Expression | undefined): number | undefined {
  return arg?.kind === 'literal' && arg.type === 'bigint' ? Number(arg.value) : undefined;
}

const collectTop: Aggregate = (call, rows, suffix) => {
  const [count, value] = call.args;
  const most = integerLiteral(count);
  if (most === undefined || call.args.length > 2)
    throw new QueryError(
      'CollectTop takes a number of events and an optional expression, as in CollectTop(3)',
      call.at,
    );
  rows.single();
  const kept = value && !isAllRows(value) ? rows.keep(value) : rows.keepRow();
  const all = `list(${toJson(kept)} ORDER BY ${orderOf(call, rows)})${suffix}`;
  return {
    sql: `to_json(list_transform(list_slice(${all}, 1, ${most}), lambda one, i: json_object('rank', i, 'value', one)))`,
    type: 'array',
  };
};

const isAllRows = ({ kind }: Expression): boolean => kind === 'allRows';

const collect: Aggregate = (call, rows, suffix) => {
  refuseOrder(call);
  rows.single();
  const [arg] = call.args;
  const value = !arg || isAllRows(arg) ? rows.keepRow() : rows.keep(onlyArgument(call));
  return { sql: `to_json(list(${toJson(value)} ORDER BY ${rows.order})${suffix})`, type: 'array' };
};

/** DuckDB counts a negative fraction from the greatest value. There is no negative zero: the greatest value has fraction 1. */
function quantileFraction(share: number, descending: boolean): number {
  if (!descending) return share;
  return share === 0 ? 1 : -share;
}

/** PERCENTILE_CONT interpolates; PERCENTILE_DISC gives one of the values. */
function percentile(name: 'quantile_cont' | 'quantile_disc'): Aggregate {
  return (call, rows, suffix) => {
    const [fraction] = call.args;
    const share = fraction?.kind === 'literal' ? Number(fraction.value) : NaN;
    if (call.args.length !== 1 || !(share >= 0 && share <= 1))
      throw new QueryError(`${call.name} takes one number from 0 to 1, as in ${call.name}(0.5)`, call.at);
    const [order, second] = call.over?.orderBy ?? [];
    if (!order || second)
      throw new QueryError(
        `${call.name} needs an order by one expression, as in ${call.name}(0.5) OVER (ORDER BY temperature)`,
        call.at,
      );
    rows.single();
    const value = rows.keep(order.expression);
    if (value.type !== 'any' && !isNumeric(value.type))
      throw new QueryError(`${call.name} takes numbers, not ${typeName(value.type)}`, call.at);
    const quantile = (of: string): string =>
      `${name}(${of}, ${quantileFraction(share, order.descending)})${suffix}`;
    const number = `asa_number(${value.sql})`;
    if (name === 'quantile_cont')
      return {
        sql: finite(`CAST(${quantile(value.type === 'any' ? number : value.sql)} AS DOUBLE)`),
        type: 'float',
      };
    if (value.type !== 'any') return { sql: quantile(value.sql), type: value.type };
    // The numbers decide the order. The result is the value itself, so that a bigint remains one.
    const ordered = `CASE WHEN ${number} IS NOT NULL THEN {number: ${number}, json: ${value.sql}} END`;
    return { sql: `(${quantile(ordered)}).json`, type: 'any' };
  };
}

/** By lower-case name. */
export const AGGREGATES: ReadonlyMap<string, Aggregate> = new Map(
  Object.entries({
    count,
    sum,
    avg: average,
    min: extreme('min'),
    max: extreme('max'),
    stdev: spread('stddev_samp'),
    stdevp: spread('stddev_pop'),
    var: spread('var_samp'),
    varp: spread('var_pop'),
    topone: topOne,
    collect,
    collecttop: collectTop,
    percentile_cont: percentile('quantile_cont'),
    percentile_disc: percentile('quantile_disc'),
  }),
);

const userAggregate: Aggregate = (call, rows) => {
  const use = functionUse(call);
  if (!use) throw new Error('an aggregate that is no function');
  if (call.over || call.distinct)
    throw new QueryError(`${call.name} can have neither OVER nor DISTINCT`, call.at);
  const arg = onlyArgument(call);
  rows.single();
  return callAggregate(use, rows.isInput(arg) ? rows.keepRow() : rows.keep(arg), rows.order);
};

/** An aggregate by its name in the query. */
export const findAggregate = (name: string): Aggregate | undefined =>
  AGGREGATES.get(name.toLowerCase()) ??
  (functionUse({ name, at: { line: 0, column: 0 } })?.kind === 'aggregate' ? userAggregate : undefined);

const isNamed = (node: object): node is { kind: 'call'; name: string; over: Call['over'] } =>
  'kind' in node && node.kind === 'call';

/** Whether a call reads earlier events: LAG, LAST, ISFIRST, or an aggregate with OVER (LIMIT DURATION …). */
export function isAnalytic(node: object): boolean {
  if (!isNamed(node)) return false;
  const name = node.name.toLowerCase();
  if (name === 'lag' || name === 'last' || name === 'isfirst') return true;
  return AGGREGATES.has(name) && node.over !== null && node.over.limit !== null;
}

/** The first aggregate over a group in a part of a query. */
export function aggregateIn(node: unknown): Call | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  if (isAnalytic(node)) return undefined;
  if (isNamed(node) && findAggregate(node.name)) return node as Call;
  for (const one of Object.values(node)) {
    const found = aggregateIn(one);
    if (found) return found;
  }
  return undefined;
}

export const holdsAggregate = (node: unknown): boolean => aggregateIn(node) !== undefined;

/** @throws {QueryError} if OVER of an aggregate over a group has more than the order that the aggregate needs */
export function requireNoHistory({ name, over, at }: Call): void {
  if (over && (over.orderBy.length === 0 || over.partitionBy.length > 0 || over.when))
    throw new QueryError(
      `${name} with OVER needs LIMIT DURATION(unit, length), as in OVER (PARTITION BY deviceId LIMIT DURATION(minute, 5))`,
      at,
    );
}
