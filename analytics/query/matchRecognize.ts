/** Translates MATCH_RECOGNIZE: a row for each sequence of events that matches a pattern. */

import type { MatchRecognize, Position } from './ast';
import { distinctKey } from './comparison';
import { createContext, translatePredicate } from './expression';
import { matchSql } from './matchSql';
import { matchVariables } from './matchVariables';
import { compilePattern } from './pattern';
import type { Relation } from './plan';
import type { Planner } from './planSelect';
import { QueryError } from './queryError';
import { type Column, type Projected, asColumn } from './scope';
import { spanUs } from './timeUnits';
import { type Typed, name } from './types';
import { MAX_WINDOW_US } from './windows';

/**
 * Plans MATCH_RECOGNIZE (match-recognize-stream-analytics). A match begins at each event, because the only skip clause is
 * AFTER MATCH SKIP TO NEXT ROW. Its events are consecutive in their partition, and younger than its first event plus
 * LIMIT DURATION. Its time is that of its last event.
 *
 * @throws {QueryError}
 */
export function planMatch(match: MatchRecognize, planner: Planner): Relation {
  const located = planner.locate(match.source, undefined);
  if (located.kind === 'reference')
    throw new QueryError(
      `'${located.alias}' is reference data: MATCH_RECOGNIZE needs an input of events`,
      match.source.at,
    );
  const { relation, binding, alias } = located;
  const durationUs = limitOf(match);
  const automaton = compilePattern(match.pattern);

  const kept = new Map<string, string>();
  const keep = ({ sql, type }: Typed): Typed => {
    const column = kept.get(sql) ?? `__kept_${kept.size}`;
    kept.set(sql, column);
    return { sql: column, type };
  };
  const variables = matchVariables(match, automaton, binding, keep);
  const context = createContext(variables.scope);
  const keys = [...match.partitionBy, ...match.source.partitionBy].map((key) =>
    distinctKey(keep(context.translate(key))),
  );
  const conditions = new Map(
    match.definitions.map(({ name: called, condition }) => {
      const { contextOf, dependsOnMatch } = variables.define(called);
      const sql = translatePredicate(condition, contextOf(condition));
      // A condition about the event alone is evaluated once for each event.
      return [
        called.toLowerCase(),
        dependsOnMatch(condition) ? sql : keep({ sql, type: 'bit' }).sql,
      ] as const;
    }),
  );
  const measures = measuresOf(match, variables.measure);

  const table = planner.tableName();
  const keptTable = `kept_${table}`;
  const columns = [...kept].map(([sql, column]) => `${sql} AS ${column}, `).join('');
  const row = name(alias);
  const delayUs = relation.delayUs + (automaton.fixedLength ? 0 : durationUs);
  planner.add({
    kind: 'temporal',
    table,
    kept: [
      {
        table: keptTable,
        sql: `SELECT ${columns}${row}.__ts, ${row}.__seq, ${row}.__row FROM ${name(relation.table)} AS ${row}`,
        spanUs: durationUs,
        collapseSql: undefined,
        retainSql: undefined,
      },
    ],
    sql: matchSql({
      kept: keptTable,
      keptColumns: [...kept.values()],
      keys,
      automaton,
      conditions,
      aggregates: variables.aggregates,
      classifier: variables.usesClassifier(),
      measures: measures.map(asColumn),
      durationUs,
      at: match.at,
    }),
    hopUs: 0,
    offsetUs: 0,
    delayUs,
    sources: relation.sources,
    at: match.at,
  });
  return {
    table,
    columns: measures.map(({ column }) => column),
    sources: relation.sources,
    delayUs,
    rowLength: undefined,
    keepsOrder: false,
    ascends: true,
  };
}

function limitOf({ limit, at }: MatchRecognize): number {
  if (!limit)
    throw new QueryError(
      'MATCH_RECOGNIZE needs LIMIT DURATION(unit, length), as in LIMIT DURATION(minute, 1)',
      at,
    );
  const durationUs = spanUs(limit, at);
  if (durationUs <= 0) throw new QueryError('DURATION must be longer than 0', at);
  if (durationUs > MAX_WINDOW_US) throw new QueryError('DURATION must not exceed 7 days', at);
  return durationUs;
}

function measuresOf(
  { measures }: MatchRecognize,
  translate: (expression: MatchRecognize['measures'][number]['expression']) => Typed,
): Projected[] {
  const named = new Set<string>();
  return measures.map(({ expression, alias, at }) => {
    requireFree(alias, named, at);
    const { sql, type } = translate(expression);
    const column: Column = { kind: 'column', name: alias, type };
    return { column, sql: type === 'null' ? 'CAST(NULL AS VARCHAR)' : sql };
  });
}

function requireFree(alias: string, named: Set<string>, at: Position): void {
  if (named.has(alias.toLowerCase()))
    throw new QueryError(`two measures are named '${alias}': rename one of them with AS`, at);
  if (alias.startsWith('__'))
    throw new QueryError(
      `the name '${alias}' begins with two underscores, which the runner reserves: rename the measure`,
      at,
    );
  named.add(alias.toLowerCase());
}
