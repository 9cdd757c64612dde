/** Translates FROM with its JOINs and APPLYs. */

import { applySql } from './apply';
import type { Expression, Join, Select } from './ast';
import { applyBinding } from './bindings';
import { createContext, translatePredicate } from './expression';
import { type TimeBound, periodJoin, timeBound, timeOfStream } from './joins';
import type { Relation } from './plan';
import { QueryError } from './queryError';
import { createRecordFields } from './recordFields';
import { type Binding, type Scope, createScope, same } from './scope';
import { type Typed, name } from './types';

/** A source in FROM or JOIN. */
export type Located =
  | { kind: 'stream'; alias: string; relation: Relation; binding: Binding }
  | { kind: 'reference'; alias: string; sql: string; binding: Binding };

/** A source of events. */
export interface Stream {
  alias: string;
  relation: Relation;
  binding: Binding;
  partitionBy: readonly Expression[];
}

interface From {
  /** called when all expressions have been translated */
  from: () => string;
  scope: Scope;
  time: string;
  seq: string;
  row: string;
  temporal: boolean;
  kept: { table: string; sql: string; spanUs: number; collapseSql: undefined; retainSql: undefined }[];
  delayUs: number;
  rowLength: Relation['rowLength'];
}

/**
 * @param located sources of the JOINs, by their index; an APPLY has none
 * @param streams the sources of events, that of FROM first
 * @param values of the analytic functions
 * @param table of the result
 * @throws {QueryError}
 */
export function createFrom(
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
      const context = createContext(createScope(bindings), time, (one) => values.get(one));
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
