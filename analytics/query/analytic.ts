/** Translates analytic functions: LAG, LAST, ISFIRST and aggregates with OVER. */

import { AGGREGATES, type GroupRows } from './aggregates';
import type { Call, Expression } from './ast';
import { distinctKey } from './comparison';
import { createContext, translatePredicate } from './expression';
import { type Relation, type TemporalNode, isDue } from './plan';
import { QueryError } from './queryError';
import { type Binding, createScope, isInput } from './scope';
import { spanUs, windowSpanUs } from './timeUnits';
import { MAX_WINDOW_US } from './windows';
import { type Typed, name, typeName, unify, widen } from './types';
import { functionUse } from './userFunctions';

/** Of the rows of any relation. */
const ORDER = '__ts, __seq, __row';

interface AnalyticParts {
  calls: readonly Call[];
  relation: Relation;
  binding: Binding;
  partitionBy: readonly Expression[];
  /** name of the result table */
  table: string;
}

/** The translated calls: columns of a table that also has the columns of the relation. */
export interface AnalyticResult {
  node: TemporalNode;
  /** the column of each call, without its table */
  values: ReadonlyMap<Call, Typed>;
}

/**
 * Plans LAG, LAST, ISFIRST and aggregates with OVER (LIMIT DURATION …): columns of an event that depend on earlier
 * events. The history of a duration d contains the events that are younger than d, as in a window of length d.
 */
export function planAnalytic({
  calls,
  relation,
  binding,
  partitionBy,
  table,
}: AnalyticParts): AnalyticResult {
  const scope = createScope([binding]);
  const context = createContext(scope);
  const kept = new Map<string, string>();
  let longestUs = 0;
  const keep = ({ sql, type }: Typed): Typed => {
    const column = kept.get(sql) ?? `__kept_${kept.size}`;
    kept.set(sql, column);
    return { sql: column, type };
  };
  const keepExpression = (expression: Expression): Typed => {
    const typed = context.translate(expression);
    return keep(typed.type === 'null' ? { sql: 'CAST(NULL AS VARCHAR)', type: 'null' } : typed);
  };
  const record = (): Typed => keep({ sql: binding.record(), type: 'record' });
  const rows: GroupRows = {
    keep: keepExpression,
    keepRow: record,
    single: () => undefined,
    order: ORDER,
    isInput: (arg) => isInput(scope, arg),
  };

  function translateCall(call: Call): Typed {
    const keys = [...(call.over?.partitionBy ?? []), ...partitionBy].map((key) =>
      distinctKey(keepExpression(key)),
    );
    const partition = (more: readonly string[] = []): string =>
      keys.length + more.length > 0 ? `PARTITION BY ${[...keys, ...more].join(', ')} ` : '';
    const when = call.over?.when
      ? keep({ sql: translatePredicate(call.over.when, context), type: 'bit' }).sql
      : undefined;
    const key = call.name.toLowerCase();
    if (!AGGREGATES.has(key)) refuseOfAggregates(call);
    if (key === 'isfirst') return isFirst(call, partition, when);
    const { over } = call;
    if (!over?.limit)
      throw new QueryError(
        `${call.name} needs OVER (LIMIT DURATION(unit, length)), as in OVER (LIMIT DURATION(minute, 5))`,
        call.at,
      );
    const durationUs = spanUs(over.limit, over.limit.at);
    if (durationUs <= 0) throw new QueryError('DURATION must be longer than 0', over.limit.at);
    if (durationUs > MAX_WINDOW_US) throw new QueryError('DURATION must not exceed 7 days', over.limit.at);
    longestUs = Math.max(longestUs, durationUs);
    if (key === 'lag' || key === 'last') return earlier(call, partition(), when, durationUs);
    const aggregate = AGGREGATES.get(key);
    if (!aggregate || call.distinct)
      throw new QueryError(`${call.name}(DISTINCT …) cannot have OVER (LIMIT DURATION …)`, call.at);
    const filter = when === undefined ? '' : ` FILTER (WHERE ${when})`;
    const frame = `RANGE BETWEEN to_microseconds(${durationUs - 1}) PRECEDING AND CURRENT ROW`;
    return aggregate(call, rows, `${filter} OVER (${partition()}ORDER BY __ts ${frame})`);
  }

  function earlier(call: Call, partition: string, when: string | undefined, durationUs: number): Typed {
    const isLag = call.name.toLowerCase() === 'lag';
    const [value, second, third] = call.args;
    const defaultValue = isLag ? third : second;
    if (!value || call.args.length > (isLag ? 3 : 2))
      throw new QueryError(
        `${call.name} takes 1 to ${isLag ? 3 : 2} arguments, not ${call.args.length}`,
        call.at,
      );
    const offset = isLag && second ? (second.kind === 'literal' ? Number(second.value) : NaN) : isLag ? 1 : 0;
    if (isLag && !(Number.isInteger(offset) && offset >= 1))
      throw new QueryError(
        'the second argument of LAG, its offset, must be a whole number of at least 1',
        (second ?? call).at,
      );
    for (const one of [value, defaultValue]) refuseExternal(one, call.name);
    const own = value.kind === 'allRows' ? record() : keepExpression(value);
    const other = defaultValue ? keepExpression(defaultValue) : { sql: 'NULL', type: 'null' as const };
    const known = [own.type, other.type].filter((type) => type !== 'any' && type !== 'null');
    if (defaultValue && new Set(known).size > 1)
      throw new QueryError(
        `the default of ${call.name} must have the type of its first argument, ${typeName(own.type)}, not ${typeName(other.type)}: convert it, as in CAST(… AS ${typeName(own.type)})`,
        defaultValue.at,
      );
    const type = unify([own, other]);
    const entry = `struct_pack(v := ${own.sql}, t := __ts)`;
    const entries = when === undefined ? entry : `CASE WHEN ${when} THEN ${entry} END`;
    const order = `ORDER BY ${ORDER}`;
    const found =
      offset === 0
        ? `last_value(${entries} IGNORE NULLS) OVER (${partition}${order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`
        : `lag(${entries}, ${offset} IGNORE NULLS) OVER (${partition}${order})`;
    const within = `(${found}).t > __ts - to_microseconds(${durationUs})`;
    const given = widen({ sql: `(${found}).v`, type: own.type }, type);
    return { sql: `CASE WHEN ${within} THEN ${given} ELSE ${widen(other, type)} END`, type };
  }

  function isFirst(
    call: Call,
    partition: (more: readonly string[]) => string,
    when: string | undefined,
  ): Typed {
    const [unit, amount] = call.args;
    if (call.over?.limit)
      throw new QueryError(
        'ISFIRST cannot have LIMIT DURATION: its arguments already give the interval',
        call.at,
      );
    if (
      unit?.kind !== 'path' ||
      unit.path.length !== 1 ||
      amount?.kind !== 'literal' ||
      call.args.length !== 2
    )
      throw new QueryError('ISFIRST takes a time unit and a number, as in ISFIRST(minute, 10)', call.at);
    const intervalUs = windowSpanUs({ unit: unit.path[0] ?? '', amount: Number(amount.value) }, call.at);
    if (!(intervalUs > 0)) throw new QueryError('the interval of ISFIRST must be longer than 0', call.at);
    if (intervalUs > MAX_WINDOW_US)
      throw new QueryError('the interval of ISFIRST must not exceed 7 days', call.at);
    longestUs = Math.max(longestUs, intervalUs);
    const groups = [`asa_window_end(__ts, ${intervalUs}, 0)`, ...(when === undefined ? [] : [when])];
    const first = `row_number() OVER (${partition(groups)}ORDER BY ${ORDER}) = 1`;
    return {
      sql: `CASE WHEN ${when === undefined ? '' : `${when} AND `}${first} THEN CAST(1 AS BIGINT) ELSE 0 END`,
      type: 'bigint',
    };
  }

  const columns = new Map<string, Typed>();
  const values = new Map<Call, Typed>();
  for (const call of calls) {
    const typed = translateCall(call);
    const column = columns.get(typed.sql) ?? { sql: `${table}_${columns.size}`, type: typed.type };
    columns.set(typed.sql, column);
    values.set(call, column);
  }
  const alias = name(binding.alias);
  const argumentsSql = [...kept].map(([sql, column]) => `${sql} AS ${column}, `).join('');
  const keptTable = `kept_${table}`;
  const found = [...columns].map(([sql, column]) => `${sql} AS ${column.sql}`).join(', ');
  const node: TemporalNode = {
    kind: 'temporal',
    table,
    kept: [
      {
        table: keptTable,
        sql: `SELECT ${argumentsSql}1 AS __n, ${alias}.* FROM ${name(relation.table)} AS ${alias}`,
        spanUs: longestUs,
        collapseSql: undefined,
        retainSql: undefined,
      },
    ],
    sql: `SELECT * EXCLUDE (${[...kept.values(), '__n'].join(', ')}) FROM (SELECT *, ${found} FROM ${keptTable}) WHERE ${isDue('__ts')}`,
    hopUs: 0,
    offsetUs: 0,
    delayUs: relation.delayUs,
    sources: relation.sources,
    at: calls[0]?.at ?? { line: 1, column: 1 },
  };
  return { node, values };
}

/** @throws {QueryError} for DISTINCT and ORDER BY in LAG, LAST or ISFIRST */
function refuseOfAggregates({ name: called, distinct, over, at }: Call): void {
  if (distinct) throw new QueryError(`${called} cannot have DISTINCT`, at);
  const [order] = over?.orderBy ?? [];
  if (order)
    throw new QueryError(
      `${called} cannot have ORDER BY in OVER: events are in the order of time`,
      order.expression.at,
    );
}

/** "scalar_expression cannot contain other analytic functions or external functions", nor can the default (LAG, LAST). */
function refuseExternal(node: unknown, caller: string): void {
  if (typeof node !== 'object' || node === null) return;
  if ('kind' in node && node.kind === 'call') {
    const call = node as Call;
    if (functionUse(call)?.kind === 'scalar')
      throw new QueryError(`${call.name} cannot be inside ${caller}: compute it in a WITH step`, call.at);
  }
  for (const one of Object.values(node)) refuseExternal(one, caller);
}
