import type { Position, TimeSpan } from './ast';
import { QueryError } from './queryError';

/** Date parts by every name and abbreviation that Stream Analytics takes; values: DuckDB's own. */
const DATE_PARTS: Readonly<Record<string, string>> = Object.fromEntries(
  (
    [
      ['year', 'year yyyy yy'],
      ['quarter', 'quarter qq q'],
      ['month', 'month mm m'],
      ['dayofyear', 'dayofyear dy y'],
      ['day', 'day dd d'],
      ['week', 'week wk ww'],
      ['weekday', 'weekday dw w'],
      ['hour', 'hour hh'],
      ['minute', 'minute mi n'],
      ['second', 'second ss s'],
      ['millisecond', 'millisecond ms'],
      ['microsecond', 'microsecond mcs'],
    ] as const
  ).flatMap(([part, names]) => names.split(' ').map((one) => [one, part])),
);

/** @throws {QueryError} for what is no date part */
export function datePart(text: string, at: Position): string {
  const part = DATE_PARTS[text.toLowerCase()];
  if (part === undefined) throw new QueryError(`'${text}' is not a date part`, at);
  return part;
}

const MICROSECONDS: Readonly<Record<string, number>> = {
  microsecond: 1,
  millisecond: 1_000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: 86_400_000_000,
};

/** Microseconds of a span that a window may have. @throws {QueryError} */
export function spanUs({ unit, amount }: TimeSpan, at: Position): number {
  const microseconds = MICROSECONDS[datePart(unit, at)];
  if (microseconds === undefined) throw new QueryError(`a window is not measured in ${unit}`, at);
  return Math.round(amount * microseconds);
}
