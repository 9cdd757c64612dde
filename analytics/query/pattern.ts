/** Compiles PATTERN of MATCH_RECOGNIZE to an automaton. */

import type { Pattern } from './ast';
import { QueryError } from './queryError';

/** PATTERN's name of any event. */
export const ANY_EVENT = '.';

/** A step of the automaton: from the state after one event to the state after the next. */
export interface Move {
  from: number;
  /** lower ones are tried first */
  priority: number;
  to: number;
}

/** The automaton of a pattern. A state means that an event matched one place of the pattern; 0 is the start. */
export interface Automaton {
  moves: readonly Move[];
  /** by state: the variable that its event matched, as PATTERN writes it */
  variables: ReadonlyMap<number, string>;
  /** the states in which the pattern is complete */
  complete: ReadonlySet<number>;
  /** whether all matches have the same number of events */
  fixedLength: boolean;
}

/** Bounds the time for each event. A quantifier such as {50} repeats its part. */
const MAX_STATES = 1_000;
const MAX_MOVES = 5_000;

/** A place in the pattern, as Thompson's construction has it. */
type Place =
  { kind: 'event'; state: number; next: Place } | { kind: 'fork'; branches: Place[] } | { kind: 'end' };

/**
 * Compiles a pattern. Quantifiers are greedy, and the left one of two alternatives is preferred.
 *
 * @throws {QueryError} for a quantifier that no number of events fits, and for a pattern that is too large
 */
export function compilePattern(pattern: Pattern): Automaton {
  const variables = new Map<number, string>();
  const events: Extract<Place, { kind: 'event' }>[] = [];
  const tooLarge = (): QueryError =>
    new QueryError(
      `the pattern is too large: its quantifiers stand for more than ${MAX_STATES} variables or ${MAX_MOVES} transitions`,
      pattern.at,
    );

  function build(part: Pattern, next: Place): Place {
    switch (part.kind) {
      case 'variable': {
        const state = events.length + 1;
        if (state > MAX_STATES) throw tooLarge();
        const place = { kind: 'event' as const, state, next };
        events.push(place);
        variables.set(state, part.name);
        return place;
      }
      case 'sequence':
        return part.parts.reduceRight((after, one) => build(one, after), next);
      case 'alternatives':
        return { kind: 'fork', branches: part.parts.map((one) => build(one, next)) };
      case 'repeat':
        return repeat(part, next);
    }
  }

  function repeat({ part, least, most, at }: Extract<Pattern, { kind: 'repeat' }>, next: Place): Place {
    if (most !== null && (most < least || most === 0))
      throw new QueryError(`a quantifier cannot end with ${most}: write {least,most}, as in {2,5}`, at);
    let place = next;
    let copies = least;
    if (most === null) {
      const loop: Extract<Place, { kind: 'fork' }> = { kind: 'fork', branches: [] };
      const body = build(part, loop);
      loop.branches.push(body, next);
      place = least === 0 ? loop : body;
      copies = Math.max(0, least - 1);
    } else
      for (let more = least; more < most; more += 1)
        place = { kind: 'fork', branches: [build(part, place), next] };
    for (; copies > 0; copies -= 1) place = build(part, place);
    return place;
  }

  const start = build(pattern, { kind: 'end' });
  const moves: Move[] = [];
  const complete = new Set<number>();
  /** Adds the moves to the states that can follow, in the order of preference. */
  function follow(from: number, first: Place): void {
    const seen = new Set<Place>();
    const pending = [first];
    let priority = 0;
    for (let place = pending.pop(); place; place = pending.pop()) {
      if (seen.has(place)) continue;
      seen.add(place);
      if (place.kind === 'fork') pending.push(...[...place.branches].reverse());
      else if (place.kind === 'event') moves.push({ from, priority: priority++, to: place.state });
      else if (from !== 0) {
        // What is less preferred than this end is never needed. A match without events does not count.
        complete.add(from);
        break;
      }
    }
    if (moves.length > MAX_MOVES) throw tooLarge();
  }
  follow(0, start);
  for (const { state, next } of events) follow(state, next);
  const [least, most] = lengths(pattern);
  return { moves, variables, complete, fixedLength: least === most };
}

/** The least and the greatest number of events of a match. */
function lengths(pattern: Pattern): [least: number, most: number] {
  if (pattern.kind === 'variable') return [1, 1];
  if (pattern.kind === 'repeat') {
    const [least, most] = lengths(pattern.part);
    return [least * pattern.least, most * (pattern.most ?? Infinity)];
  }
  const parts = pattern.parts.map(lengths);
  if (pattern.kind === 'sequence')
    return [parts.reduce((sum, [one]) => sum + one, 0), parts.reduce((sum, [, one]) => sum + one, 0)];
  return [Math.min(...parts.map(([one]) => one)), Math.max(...parts.map(([, one]) => one))];
}
