import type { CompareOperator, Expression, Join } from './ast';
import { QueryError } from './queryError';
import { type Scope, same } from './scope';
import { datePart, periodSql, spanUs } from './timeUnits';
import { MAX_WINDOW_US } from './windows';
import type { Typed } from './types';

/** The time bounds of a join of two streams. */
export interface TimeBound {
  /** alias of the earlier stream */
  earlier: string;
  /** minimum time from the earlier stream's event to a matching event, µs, less what counting boundaries of a unit adds */
  lowUs: number;
  /** length of the time in which all matching events are, µs */
  lengthUs: number;
  /** maximum time from the earlier stream's event to a matching event, µs; negative if the match must come before */
  forwardUs: number;
  /** how long rows of either side are needed, µs */
  spanUs: number;
  /** the time that counting boundaries of a unit adds to the latest time, µs */
  slackUs: number;
}

interface Interval {
  low: number;
  high: number;
}

/** In ON, the name of a stream stands for its time: DATEDIFF(minute, a, b). */
export function timeOfStream(scope: Scope, expression: Expression): Typed | undefined {
  if (expression.kind !== 'path' || expression.path.length !== 1) return undefined;
  const timestamp = scope.find(expression.path[0] ?? '')?.timestamp;
  return timestamp === undefined ? undefined : { sql: timestamp, type: 'datetime' };
}

/**
 * Reads the time bounds of a join from ON.
 *
 * @param joined the alias of the joined stream
 * @param earlier aliases of the streams before it
 * @throws {QueryError} if a bound is missing in either direction, or exceeds 7 days
 */
export function timeBound({ on, at }: Join, joined: string, earlier: readonly string[]): TimeBound {
  for (const other of earlier) {
    const found: Interval & { unitUs: number } = { low: -Infinity, high: Infinity, unitUs: 0 };
    for (const one of conjuncts(on)) {
      const bound = boundOf(one, other, joined);
      if (!bound) continue;
      found.low = Math.max(found.low, bound.low * bound.unitUs);
      found.high = Math.min(found.high, bound.high * bound.unitUs);
      found.unitUs = Math.max(found.unitUs, bound.unitUs);
    }
    if (!Number.isFinite(found.low) || !Number.isFinite(found.high)) continue;
    const spanUs = Math.max(Math.abs(found.low), Math.abs(found.high));
    if (spanUs > MAX_WINDOW_US)
      throw new QueryError('the bounds of DATEDIFF in ON must not exceed 7 days', on.at);
    return {
      earlier: other,
      lowUs: found.low - found.unitUs,
      lengthUs: found.high - found.low + 2 * found.unitUs,
      forwardUs: found.high,
      spanUs: spanUs + found.unitUs,
      slackUs: found.unitUs,
    };
  }
  throw new QueryError(
    `a JOIN of two streams needs a time bound in ON, as in DATEDIFF(minute, ${earlier[0] ?? 'a'}, ${joined}) BETWEEN 0 AND 5`,
    at,
  );
}

/**
 * SQL of a joined stream, as it follows JOIN, with the beginning of its condition. A match less the lower bound is less
 * than the length of the bounds after the earlier event, so it is in the same period of that length, or in the next one.
 *
 * @param joined table of the stream
 * @param earlierTime SQL of the time of the earlier stream's event
 */
export function periodJoin(
  joined: string,
  alias: string,
  { lowUs, lengthUs }: TimeBound,
  earlierTime: string,
): string {
  const period = periodSql(`(__ts - to_microseconds(${lowUs}))`, lengthUs);
  return `(SELECT *, unnest([${period} - 1, ${period}]) AS __period FROM ${joined}) AS ${alias}
    ON ${alias}.__period = ${periodSql(earlierTime, lengthUs)}`;
}

const conjuncts = (on: Expression): Expression[] =>
  on.kind === 'and' ? on.operands.flatMap(conjuncts) : [on];

/** The bound of DATEDIFF(unit, from, to) in a condition, in units; undefined if there is none. */
function boundOf(one: Expression, from: string, to: string): (Interval & { unitUs: number }) | undefined {
  if (one.kind === 'between' && !one.negated) {
    const [low, high] = [constant(one.low), constant(one.high)];
    if (low === undefined || high === undefined) return undefined;
    return oriented(one.left, { low: Math.ceil(low), high: Math.floor(high) }, from, to);
  }
  if (one.kind !== 'compare') return undefined;
  const right = constant(one.right);
  if (right !== undefined) return oriented(one.left, range(one.op, right), from, to);
  const left = constant(one.left);
  return left === undefined ? undefined : oriented(one.right, range(MIRRORED[one.op], left), from, to);
}

const MIRRORED: Record<CompareOperator, CompareOperator> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** The interval of the whole numbers that satisfy a comparison, because DATEDIFF returns whole numbers. */
function range(op: CompareOperator, value: number): Interval {
  const all: Interval = { low: -Infinity, high: Infinity };
  switch (op) {
    case '=':
      return { low: Math.ceil(value), high: Math.floor(value) };
    case '<':
      return { ...all, high: Math.ceil(value) - 1 };
    case '<=':
      return { ...all, high: Math.floor(value) };
    case '>':
      return { ...all, low: Math.floor(value) + 1 };
    case '>=':
      return { ...all, low: Math.ceil(value) };
    case '<>':
      return all;
  }
}

function oriented(
  call: Expression,
  interval: Interval,
  from: string,
  to: string,
): (Interval & { unitUs: number }) | undefined {
  if (call.kind !== 'call' || call.name.toLowerCase() !== 'datediff') return undefined;
  const [unit, first, second] = call.args.map((arg) =>
    arg.kind === 'path' && arg.path.length === 1 ? (arg.path[0] ?? '') : '',
  );
  if (!unit || !first || !second) return undefined;
  if (['year', 'quarter', 'month', 'dayofyear', 'weekday'].includes(datePart(unit, call.at)))
    return undefined;
  const unitUs = spanUs({ unit, amount: 1 }, call.at);
  if (same(first, from) && same(second, to)) return { ...interval, unitUs };
  if (same(first, to) && same(second, from))
    return { low: negative(interval.high), high: negative(interval.low), unitUs };
  return undefined;
}

const negative = (value: number): number => (value === 0 ? 0 : -value);

/** The value of a constant expression. */
function constant(one: Expression): number | undefined {
  if (one.kind === 'literal')
    return one.type === 'bigint' || one.type === 'float' ? Number(one.value) : undefined;
  if (one.kind === 'negate') {
    const value = constant(one.operand);
    return value === undefined ? undefined : -value;
  }
  if (one.kind !== 'binary') return undefined;
  const [left, right] = [constant(one.left), constant(one.right)];
  if (left === undefined || right === undefined) return undefined;
  if (one.op === '+') return left + right;
  if (one.op === '-') return left - right;
  return one.op === '*' ? left * right : undefined;
}
