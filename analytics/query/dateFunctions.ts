import type { Call, Expression } from './ast';
import { once } from './once';
import { QueryError } from './queryError';
import { type Scalar, argument, simple } from './scalar';
import type { Context } from './scope';
import { datePart } from './timeUnits';
import { convert } from './types';

/** The date part in the first argument of a function, which is a bare word. */
function part({ args: [arg] }: Call): string {
  const given = argument(arg);
  if (given.kind !== 'path' || given.path.length !== 1)
    throw new QueryError('write a date part here, such as minute or day', given.at);
  return datePart(given.path[0] ?? '', given.at);
}

function datetimeOf(arg: Expression | undefined, context: Context): string {
  const given = argument(arg);
  return convert(context.translate(given), 'datetime', given.at);
}

function datepartSql(unit: string, value: string): string {
  if (unit === 'weekday') return `(dayofweek(${value}) + 1)`; // Sunday is 1
  if (unit === 'week')
    return `(CAST(strftime(${value}, '%U') AS BIGINT) + CASE WHEN dayofweek(date_trunc('year', ${value})) = 0 THEN 0 ELSE 1 END)`;
  if (unit === 'millisecond' || unit === 'microsecond')
    return `(date_part('${unit}', ${value}) % ${unit === 'millisecond' ? 1_000 : 1_000_000})`;
  return `date_part('${unit}', ${value})`;
}

/** The greatest value of each argument of DATETIMEFROMPARTS. */
const GREATEST_PARTS = [9_999, 12, 31, 23, 59, 59, 999];

/** Maximum distance of two datetimes. */
const MAX_DATE_DISTANCE_S = 10_000 * 366 * 86_400;
/** Minimum length of each date part in seconds. */
const SECONDS: Readonly<Record<string, number>> = {
  year: 365 * 86_400,
  quarter: 90 * 86_400,
  month: 28 * 86_400,
  week: 7 * 86_400,
  day: 86_400,
  hour: 3_600,
  minute: 60,
  second: 1,
  millisecond: 0.001,
  microsecond: 0.000_001,
};

export const dateFunctions: Readonly<Record<string, Scalar>> = {
  dateadd: {
    least: 3,
    most: 3,
    translate: (call, context) => {
      const unit = { dayofyear: 'day', weekday: 'day' }[part(call)] ?? part(call);
      const [, amount, date] = call.args;
      const number = convert(context.translate(argument(amount)), 'bigint', argument(amount).at);
      // DuckDB requires INTEGER for days and longer parts.
      const type = (SECONDS[unit] ?? 1) < 86_400 ? 'BIGINT' : 'INTEGER';
      const within = Math.floor(MAX_DATE_DISTANCE_S / (SECONDS[unit] ?? 1));
      const added = once(
        [datetimeOf(date, context), number],
        (time, count) =>
          `CASE WHEN ${count} BETWEEN -${within} AND ${within} THEN ${time} + to_${unit}s(TRY_CAST(${count} AS ${type})) END`,
      );
      return { sql: once([added], (time) => `asa_in_range(${time})`), type: 'datetime' };
    },
  },
  // Boundaries crossed, as in T-SQL: 23:59 to 00:01 is one day. In T-SQL weeks begin on Sunday. In DuckDB they begin
  // on Monday, and it counts complete weeks.
  datediff: {
    least: 3,
    most: 3,
    translate: (call, context) => {
      const unit = { dayofyear: 'day', weekday: 'day' }[part(call)] ?? part(call);
      const [, from, to] = call.args;
      const [start, end] = [datetimeOf(from, context), datetimeOf(to, context)];
      const monday = (sql: string): string => `date_trunc('week', ${sql} + INTERVAL '1 day')`;
      return {
        sql:
          unit === 'week'
            ? `(date_diff('day', ${monday(start)}, ${monday(end)}) // 7)`
            : `date_diff('${unit}', ${start}, ${end})`,
        type: 'bigint',
      };
    },
  },
  datepart: {
    least: 2,
    most: 2,
    translate: (call, context) => ({
      sql: once(
        [datetimeOf(call.args[1], context)],
        (value) => `CAST(${datepartSql(part(call), value)} AS BIGINT)`,
      ),
      type: 'bigint',
    }),
  },
  datename: {
    least: 2,
    most: 2,
    translate: (call, context) => {
      const unit = part(call);
      const value = datetimeOf(call.args[1], context);
      if (unit === 'month') return { sql: `monthname(${value})`, type: 'nvarchar' };
      if (unit === 'weekday') return { sql: `dayname(${value})`, type: 'nvarchar' };
      return {
        sql: once([value], (date) => `CAST(CAST(${datepartSql(unit, date)} AS BIGINT) AS VARCHAR)`),
        type: 'nvarchar',
      };
    },
  },
  // NULL for parts that are no datetime: the example of its page adds minutes, which may exceed 59.
  datetimefromparts: simple(
    Array.from({ length: 7 }, () => 'bigint' as const),
    'datetime',
    (...parts) => {
      const padded = parts.map(
        (part, i) => `lpad(CAST(${part} AS VARCHAR), ${String(GREATEST_PARTS[i]).length}, '0')`,
      );
      const [year, month, day, hour, minute, second, millisecond] = padded;
      const text = `${year} || '-' || ${month} || '-' || ${day} || ' ' || ${hour} || ':' || ${minute} || ':' || ${second} || '.' || ${millisecond}`;
      const within = parts.map((part, i) => `${part} BETWEEN 0 AND ${GREATEST_PARTS[i]}`);
      return `CASE WHEN ${within.join(' AND ')} THEN asa_in_range(TRY_CAST(${text} AS TIMESTAMP)) END`;
    },
  ),
  year: simple(['datetime'], 'bigint', (value) => `year(${value})`),
  month: simple(['datetime'], 'bigint', (value) => `month(${value})`),
  day: simple(['datetime'], 'bigint', (value) => `day(${value})`),
};
