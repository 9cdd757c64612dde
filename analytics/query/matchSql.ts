/** The SQL of MATCH_RECOGNIZE: a recursive query that follows all partial matches from event to event. */

import type { Position } from './ast';
import { CLASSIFIER, type MatchAggregate } from './matchVariables';
import type { Automaton } from './pattern';
import { isDue } from './plan';
import { quote } from './types';

export interface MatchSqlParts {
  /** the table of the events, and those of its columns that conditions and aggregates read */
  kept: string;
  keptColumns: readonly string[];
  /** the columns whose values have matches of their own */
  keys: readonly string[];
  automaton: Automaton;
  /** by lower-case variable: SQL over the columns of the event, `__ts`, and those of the aggregates including the event */
  conditions: ReadonlyMap<string, string>;
  aggregates: readonly MatchAggregate[];
  classifier: boolean;
  /** SQL of the columns of the result, over the aggregates and `__ts`, the time of the last event */
  measures: readonly string[];
  durationUs: number;
  at: Position;
}

/**
 * Bounds the number of partial matches. Each takes a step with each event that it includes, about 1 µs. The number of
 * steps grows with the square of the events if many partial matches last long.
 */
const MAX_STEPS = 10_000_000;
const MAX_STEPS_PER_EVENT = 200;
/**
 * The most events of a match, and so the most iterations of a statement. However few partial matches an iteration
 * follows, it joins them with all events and takes about 2 ms. Classifier copies the names of all events of a partial
 * match in each step: those of one match of 4,000 events take about 400 MB. DuckDB's memory limit bounds their memory.
 */
const MAX_MATCH_EVENTS = 5_000;

/**
 * SQL of the matches whose last event is after `$from` and not after `$to`.
 *
 * A match begins at each event. Its partial matches are ranked by preference: the first one that is complete ends those
 * behind it, and the ones before it may still replace it. Two partial matches in the same state have the same future if
 * the aggregates that conditions read are equal, so only the preferred one is kept. This bounds their number, whereas
 * backtracking would need exponential time.
 */
export function matchSql(parts: MatchSqlParts): string {
  const { kept, keptColumns, keys, automaton, aggregates, durationUs, at } = parts;
  const all = [
    ...aggregates.map((one) => ({
      column: one.column,
      initial: one.initial,
      next: `CASE WHEN moves.variable = ${quote(one.variable)} THEN ${one.next(`threads.${one.column}`, (column) => `events.${column}`)} ELSE threads.${one.column} END`,
    })),
    ...(parts.classifier
      ? [
          {
            column: CLASSIFIER,
            initial: 'CAST([] AS VARCHAR[])',
            next: `list_append(threads.${CLASSIFIER}, moves.called)`,
          },
        ]
      : []),
  ];
  const state = all.map(({ column }) => `, ${column}`).join('');
  const initial = all.map(({ column, initial: sql }) => `, ${sql} AS ${column}`).join('');
  const next = all.map(({ column, next: sql }) => `, ${sql} AS ${column}`).join('');
  const distinct = aggregates.filter((one) => one.inConditions).map(({ column }) => `, ${column}`);
  const preferred = mayMeet(automaton)
    ? ` QUALIFY row_number() OVER (PARTITION BY __start, target${distinct.join('')} ORDER BY __before, priority) = 1`
    : '';
  const tests = [...parts.conditions].map(([variable, sql]) => `WHEN ${quote(variable)} THEN ${sql} `);
  const holds = tests.length > 0 ? `CASE variable ${tests.join('')}ELSE true END` : 'true';
  const read = keptColumns.filter((column) => new RegExp(`\\b${column}\\b`).test(holds));
  const event = read.map((column) => `, events.${column}`).join('');
  const tooMany = quote(
    `${at.line}:${at.column}: MATCH_RECOGNIZE needs more than ${MAX_STEPS_PER_EVENT} steps for each event: shorten LIMIT DURATION, or make the conditions stricter`,
  );
  const tooLong = quote(
    `${at.line}:${at.column}: MATCH_RECOGNIZE follows a match of more than ${MAX_MATCH_EVENTS} events: shorten LIMIT DURATION, or make the conditions stricter`,
  );
  const allowed = `${MAX_STEPS} + ${MAX_STEPS_PER_EVENT} * (SELECT count(*) FROM events)`;
  const grouped = keys.length > 0 ? `dense_rank() OVER (ORDER BY ${keys.join(', ')})` : '0';
  return `WITH RECURSIVE moves(state, priority, target, called, variable, complete) AS MATERIALIZED (VALUES ${movesSql(automaton)}),
    events AS MATERIALIZED (SELECT *, ${grouped} AS __group, row_number() OVER (ORDER BY ${[...keys, '__ts', '__seq', '__row'].join(', ')}) AS __n
      FROM ${kept} WHERE __ts > $from - to_microseconds(${durationUs})),
    threads AS (
      SELECT __n AS __start, __n - 1 AS __n, 0 AS __state, CAST(1 AS BIGINT) AS __rank, __group, __ts + to_microseconds(${durationUs}) AS __until,
        false AS __complete, CAST(0 AS HUGEINT) AS __steps${initial} FROM events WHERE __ts <= $to
      UNION ALL
      SELECT __start, __n, target, __rank, __group, __until, complete,
        CASE WHEN __n - __start >= ${MAX_MATCH_EVENTS} THEN CAST(error(${tooLong}) AS HUGEINT)
          WHEN __steps + __added > ${allowed} THEN CAST(error(${tooMany}) AS HUGEINT) ELSE __steps + __added END${state} FROM (
        SELECT *, row_number() OVER preference AS __rank,
          max(CASE WHEN complete THEN __start END) OVER (preference ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS __last_complete,
          count(*) OVER (preference ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS __added FROM (
          SELECT * FROM (
            SELECT threads.__start, events.__n, threads.__rank AS __before, threads.__group, threads.__until, threads.__steps,
              moves.priority, moves.target, moves.variable, moves.complete, events.__ts${event}${next}
            FROM threads JOIN moves ON moves.state = threads.__state
              JOIN events ON events.__n = threads.__n + 1 AND events.__group = threads.__group AND events.__ts < threads.__until)
          WHERE ${holds}${preferred})
        WINDOW preference AS (ORDER BY __start, __before, priority))
      WHERE __last_complete IS DISTINCT FROM __start)
    SELECT ${parts.measures.join(', ')}, __ts, __seq, __row FROM (
      SELECT matches.*, ends.__ts, ends.__seq, list_concat(ends.__row, [starts.__seq], starts.__row) AS __row FROM (
        SELECT * FROM threads WHERE __complete QUALIFY __n = max(__n) OVER (PARTITION BY __start)) AS matches
      JOIN events AS ends ON ends.__n = matches.__n JOIN events AS starts ON starts.__n = matches.__start)
    WHERE ${isDue('__ts')}`;
}

/** Whether two partial matches can come to one state with the same event. */
function mayMeet({ moves }: Automaton): boolean {
  const reached = moves.filter(({ from }) => from !== 0).map(({ to }) => to);
  return new Set(reached).size < reached.length;
}

function movesSql({ moves, variables, complete }: Automaton): string {
  return moves
    .map(({ from, priority, to }) => {
      const called = variables.get(to) ?? '';
      return `(${from}, ${priority}, ${to}, ${quote(called)}, ${quote(called.toLowerCase())}, ${complete.has(to)})`;
    })
    .join(', ');
}
