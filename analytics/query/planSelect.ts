import { isAnalytic, holdsAggregate } from './aggregates';
import { planAnalytic } from './analytic';
import { applySql } from './apply';
import type { Call, Expression, Join, Select, Source } from './ast';
import { applyBinding } from './bindings';
import { createContext, translatePredicate } from './expression';
import { planGrouping } from './grouping';
import { type TimeBound, periodJoin, timeBound, timeOfStream } from './joins';
import { type PlanNode, type Relation, isDue } from './plan';
import { QueryError } from './queryError';
import { createRecordFields } from './recordFields';
import { type Binding, type Projected, asColumn, createScope, same } from './scope';
import { columnsOf } from './selectList';
import { type Typed, name } from './types';

/** A source in FROM or JOIN. */
export type Located =
  | { kind: 'stream'; alias: string; relation: Relation; binding: Binding }
  | { kind: 'reference'; alias: string; sql: string; binding: Binding };

export interface Planner {
  locate: (source: Source, join: Join | undefined) => Located;
  add: (node: PlanNode) => void;
  tableName: () => string;
}

interface Stream {
  alias: string;
  relation: Relation;
  binding: Binding;
  partitionBy: readonly Expression[];
}

/** Plans one SELECT. @throws {QueryError} */
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
  const context = createContext(scope, time, valueOf(values));
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

const valueOf =
  (values: ReadonlyMap<Expression, Typed>) =>
  (expression: Expression): Typed | undefined =>
    values.get(expression);

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

interface From {
  /** called when all expressions have been translated */
  from: () => string;
  scope: ReturnType<typeof createScope>;
  time: string;
  seq: string;
  row: string;
  temporal: boolean;
  kept: { table: string; sql: string; spanUs: number; collapseSql: undefined; retainSql: undefined }[];
  delayUs: number;
  rowLength: Relation['rowLength'];
}

function createFrom(
  { joins }: Select,
  located: readonly (Located | undefined)[],
  streams: readonly Stream[],
  values: ReadonlyMap<Expression, Typed>,
  table: string,
): From {
  const [base, ...others] = streams;
  if (!base) throw new Error('a SELECT without FROM');
  const temporal = others.length > 0;
  const stored = ({ relation }: Stream, i: number): string =>
    temporal ? name(`kept_${table}_${i}`) : name(relation.table);
  // Kept rows are read with each batch, but most of them are not in a joined row: their fields are read where needed.
  const fields = temporal ? undefined : createRecordFields();
  const { hidden } = base.binding;
  const bindings: Binding[] = [
    { ...((fields && base.binding.readBy?.(fields.read)) ?? base.binding), hidden },
  ];
  const baseTime = base.binding.timestamp ?? 'NULL';
  const baseAlias = name(base.alias);
  const from: (() => string)[] = [];
  /** SQL of further columns of the base */
  let applied = '';
  let time = baseTime;
  /** SQL of lists that order the rows of one event of the base, in whatever batches they come */
  const rows: string[] = base.relation.rowLength === 0 ? [] : [`${baseAlias}.__row`];
  let { rowLength } = base.relation;
  const addRow = (sql: string, length: number | undefined): void => {
    rows.push(sql);
    rowLength = rowLength === undefined || length === undefined ? undefined : rowLength + length;
  };
  const bounds: TimeBound[] = [];
  let slackUs = 0;
  let joinedStreams = 0;
  const add = (binding: Binding, at: Join['at']): void => {
    if (bindings.some(({ alias }) => same(alias, binding.alias)))
      throw new QueryError(`FROM and JOIN use the name '${binding.alias}' twice: rename one with AS`, at);
    bindings.push(binding);
  };
  joins.forEach((join, i) => {
    if (join.kind === 'apply') {
      const context = createContext(createScope(bindings), time, valueOf(values));
      const column = name(`__argument_${i}`);
      const { value, sql, columns } = applySql(join, context.translate(join.argument), column);
      // DuckDB 1.5 does not bind every expression in a LATERAL. One of the base alone becomes a column of the base.
      if (bindings.slice(1).every((other) => !value.includes(`${name(other.alias)}.`)))
        applied += `, ${value} AS ${column}`;
      else from.push(() => ` INNER JOIN LATERAL (SELECT ${value} AS ${column}) ON true`);
      const elementFields = createRecordFields();
      add(applyBinding(join.alias, columns, elementFields.read), join.at);
      from.push(
        () =>
          ` ${join.outer ? 'LEFT' : 'INNER'} JOIN LATERAL ${elementFields.select(`(${sql})`)} AS ${name(join.alias)} ON true`,
      );
      addRow(`[coalesce(${name(join.alias)}.__row, 0)]`, 1);
      return;
    }
    const found = located[i];
    if (!found) return;
    const alias = name(found.alias);
    const earlier = bindings.flatMap((one) => (one.timestamp === undefined ? [] : [one.alias]));
    add(found.binding, join.source.at);
    const scope = createScope(bindings);
    const context = createContext(scope, time, (one) => values.get(one) ?? timeOfStream(scope, one));
    const on = translatePredicate(join.on, context);
    const kind = join.type === 'left' ? 'LEFT' : 'INNER';
    if (found.kind === 'reference') {
      const valid = `${baseTime} >= ${alias}.valid_from AND ${baseTime} < ${alias}.valid_to`;
      from.push(() => ` ${kind} JOIN ${found.sql} AS ${alias} ON ${on} AND ${valid}`);
      addRow(`[coalesce(${alias}.__row, 0)]`, 1);
      return;
    }
    joinedStreams += 1;
    const stream = others[joinedStreams - 1];
    if (!stream) return;
    const bound = timeBound(join, found.alias, earlier);
    bounds.push(bound);
    const joined = stored(stream, joinedStreams);
    const earlierTime = bindings.find((one) => same(one.alias, bound.earlier))?.timestamp ?? 'NULL';
    from.push(() => ` ${kind} JOIN ${periodJoin(joined, alias, bound, earlierTime)} AND ${on}`);
    const own = `${alias}.__ts`;
    // Without a match, a row has the latest time at which there could have been one.
    time =
      join.type === 'left'
        ? `greatest(${time}, CASE WHEN ${own} IS NULL THEN ${time} + to_microseconds(${bound.forwardUs}) ELSE ${own} END)`
        : `greatest(${time}, ${own})`;
    if (join.type === 'left') slackUs = Math.max(slackUs, bound.slackUs);
    addRow(`[coalesce(${alias}.__seq, 0)]`, 1);
    // Without a match, there are no elements.
    addRow(`coalesce(${alias}.__row, [])`, stream.relation.rowLength === 0 ? 0 : undefined);
  });
  const scope = createScope(bindings);
  const spanUs = 2 * bounds.reduce((sum, one) => sum + one.spanUs, 0) + slackUs;
  const rowsOfBase = (): string => {
    const withFields = fields?.select(stored(base, 0)) ?? stored(base, 0);
    return applied === '' ? withFields : `(SELECT *${applied} FROM ${withFields} AS ${baseAlias})`;
  };
  return {
    from: () => `${rowsOfBase()} AS ${baseAlias}${from.map((part) => part()).join('')}`,
    scope,
    time,
    seq: `${baseAlias}.__seq`,
    row: rows.length > 1 ? `list_concat(${rows.join(', ')})` : (rows[0] ?? `${baseAlias}.__row`),
    temporal,
    kept: temporal
      ? streams.map((stream, i) => ({
          table: `kept_${table}_${i}`,
          sql: `SELECT * FROM ${name(stream.relation.table)}`,
          spanUs,
          collapseSql: undefined,
          retainSql: undefined,
        }))
      : [],
    delayUs: slackUs + Math.max(...streams.map(({ relation }) => relation.delayUs)),
    rowLength,
  };
}
