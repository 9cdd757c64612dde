/** Plans one SELECT: its sources, its analytic functions, and its groups or rows. */

import { isAnalytic, holdsAggregate } from './aggregates';
import { planAnalytic } from './analytic';
import type { Call, Expression, Join, Select, Source } from './ast';
import { createContext, translatePredicate } from './expression';
import { type Located, type Stream, createFrom } from './fromClause';
import { planGrouping } from './grouping';
import { type PlanNode, type Relation, isDue } from './plan';
import { QueryError } from './queryError';
import { type Projected, asColumn, same } from './scope';
import { columnsOf } from './selectList';
import { type Typed, name } from './types';

export interface Planner {
  locate: (source: Source, join: Join | undefined) => Located;
  add: (node: PlanNode) => void;
  tableName: () => string;
}

/** @throws {QueryError} */
export function planSelect(select: Select, planner: Planner): Relation {
  const located = select.joins.map((one) =>
    one.kind === 'join' ? planner.locate(one.source, one) : undefined,
  );
  const base = planner.locate(select.from, undefined);
  if (base.kind === 'reference')
    throw new QueryError(
      `'${base.alias}' is reference data: select from an input of events, and join the reference data`,
      select.from.at,
    );
  const streams: Stream[] = [{ ...base, partitionBy: select.from.partitionBy }];
  select.joins.forEach((one, i) => {
    const found = located[i];
    if (one.kind === 'join' && found?.kind === 'stream')
      streams.push({ ...found, partitionBy: one.source.partitionBy });
  });
  const values = planCalls(select, streams, planner);
  const table = planner.tableName();
  const joined = createFrom(select, located, streams, values, table);
  const { scope, time } = joined;
  const context = createContext(scope, time, (one) => values.get(one));
  const sources = [...new Set(streams.flatMap(({ relation }) => relation.sources))];
  const grouped =
    select.groupBy.length > 0 || select.items.some(holdsAggregate) || holdsAggregate(select.having);
  // "When GROUP BY is not used, HAVING behaves like a WHERE clause" (HAVING).
  const conditions = [select.where, grouped ? null : select.having].flatMap((one) =>
    one ? translatePredicate(one, context) : [],
  );
  const columnsFor = (translate: (expression: Expression) => Typed): Projected[] =>
    columnsOf(select, scope, translate);
  const items = grouped ? [] : columnsFor(context.translate);
  const filter = (more: readonly string[]): string => {
    const all = [...more, ...conditions];
    return all.length > 0 ? ` WHERE ${all.join(' AND ')}` : '';
  };
  const { delayUs } = joined;
  const rowsSql = (columns: string): string => {
    const due = joined.temporal ? [isDue(time)] : [];
    return `SELECT ${columns}${time} AS __ts, ${joined.seq} AS __seq, ${joined.row} AS __row FROM ${joined.from()}${filter(due)}`;
  };
  const temporal = (table: string, sql: string): void =>
    planner.add({
      kind: 'temporal',
      table,
      kept: joined.kept,
      sql,
      hopUs: 0,
      offsetUs: 0,
      delayUs,
      sources,
      at: select.at,
    });

  if (grouped) {
    const result = planGrouping({
      select,
      rowContext: context,
      partitionBy: select.from.partitionBy,
      table,
      columnsOf: columnsFor,
      sources,
      delayUs,
      fansOut: joined.rowLength !== 0,
      rowsSql: (columns) => {
        if (!joined.temporal) return rowsSql(columns);
        temporal(`joined_${table}`, rowsSql(columns));
        return `SELECT * FROM joined_${table}`;
      },
    });
    planner.add(result.node);
    return {
      table,
      columns: result.columns,
      sources,
      delayUs,
      rowLength: undefined,
      keepsOrder: false,
      ascends: true,
    };
  }
  const sql = rowsSql(items.map((one) => `${asColumn(one)}, `).join(''));
  if (joined.temporal) temporal(table, sql);
  else planner.add({ kind: 'plain', table, sql, sources, at: select.at });
  const keepsOrder = select.joins.length === 0 && streams.every(({ relation }) => relation.keepsOrder);
  return {
    table,
    columns: items.map(({ column }) => column),
    sources,
    delayUs,
    rowLength: joined.rowLength,
    keepsOrder,
    ascends: joined.temporal || base.relation.ascends,
  };
}

/** Plans LAG and similar functions first, for the stream that each one reads. */
function planCalls(select: Select, streams: Stream[], planner: Planner): Map<Expression, Typed> {
  const byStream = new Map<Stream, Call[]>();
  for (const call of analyticCalls([
    select.items,
    select.where,
    select.groupBy,
    select.having,
    select.joins.map((one) => (one.kind === 'join' ? one.on : one.argument)),
  ])) {
    const named = streams.filter(({ alias }) => namesAlias(call, alias));
    const stream = named[0] ?? streams[0];
    if (stream) byStream.set(stream, [...(byStream.get(stream) ?? []), call]);
  }
  const values = new Map<Expression, Typed>();
  for (const [stream, calls] of byStream) {
    const table = planner.tableName();
    const { relation, binding, partitionBy } = stream;
    const result = planAnalytic({ calls, relation, binding, partitionBy, table });
    planner.add(result.node);
    stream.relation = { ...relation, table, keepsOrder: false, ascends: true };
    for (const [call, { sql, type }] of result.values)
      values.set(call, { sql: `${name(stream.alias)}.${sql}`, type });
  }
  return values;
}

function analyticCalls(node: unknown): Call[] {
  if (typeof node !== 'object' || node === null) return [];
  return isAnalytic(node) ? [node as Call] : Object.values(node).flatMap(analyticCalls);
}

function namesAlias(node: unknown, alias: string): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if ('kind' in node && node.kind === 'path' && 'path' in node && Array.isArray(node.path))
    return node.path.length > 1 && same(String(node.path[0]), alias);
  return Object.values(node).some((one) => namesAlias(one, alias));
}
