import type { Position, TimeSpan } from './ast';
import { QueryError } from './queryError';

/** Date parts with all names and abbreviations that Stream Analytics accepts. The values are DuckDB's names. */
const DATE_PARTS: ReadonlyMap<string, string> = new Map(
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

/** Microsoft's pages also use plurals for some units. @throws {QueryError} if the text is not a date part */
export function datePart(text: string, at: Position): string {
  const key = text.toLowerCase();
  const part = DATE_PARTS.get(key) ?? (key.length > 4 ? DATE_PARTS.get(key.replace(/s$/, '')) : undefined);
  if (part === undefined)
    throw new QueryError(
      `'${text}' is not a date part: use year, month, day, hour, minute, second or another one of the language`,
      at,
    );
  return part;
}

const MICROSECONDS: Readonly<Record<string, number>> = {
  microsecond: 1,
  millisecond: 1_000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: 86_400_000_000,
  week: 7 * 86_400_000_000,
};

/** Converts a time span of a window to microseconds. @throws {QueryError} */
export function spanUs({ unit, amount }: TimeSpan, at: Position): number {
  const microseconds = MICROSECONDS[datePart(unit, at)];
  if (microseconds === undefined)
    throw new QueryError(
      `'${unit}' has no fixed length: use day, hour, minute, second, millisecond or microsecond`,
      at,
    );
  return Math.round(amount * microseconds);
}

/**
 * The same for the units that the pages of the windows and of ISFIRST list. LIMIT DURATION has those of DATEDIFF.
 *
 * @throws {QueryError} also for weeks
 */
export function windowSpanUs(span: TimeSpan, at: Position): number {
  if (datePart(span.unit, at) === 'week')
    throw new QueryError(
      `'${span.unit}' cannot be used here: use day, hour, minute, second, millisecond or microsecond`,
      at,
    );
  return spanUs(span, at);
}

/**
 * SQL for joining rows within a length of time: the number of the period of that length in which a time is. DuckDB
 * joins by equal values, and would otherwise compare each row with all rows of its key.
 */
export const periodSql = (time: string, lengthUs: number): string =>
  `(epoch_us(${time}) // ${Math.max(1, Math.ceil(lengthUs))})`;
