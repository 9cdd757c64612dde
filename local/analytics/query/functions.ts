import type { CastType, Expression } from './ast';
import { type Context, text, translateExpression } from './expression';
import { once } from './once';
import { QueryError } from './queryError';
import { AGGREGATES } from './aggregates';
import { datePart } from './timeUnits';
import { type Type, type Typed, convert, quote, typeName, unify, widen } from './types';

export type Call = Extract<Expression, { kind: 'call' }>;
type Translate = (call: Call, context: Context) => Typed;

interface Scalar {
  least: number;
  most: number;
  translate: Translate;
}

/** A function whose arguments are each converted to one type, by NULL where they do not fit. */
function simple(
  parameters: readonly CastType[],
  type: Type,
  sql: (...args: string[]) => string,
  least = parameters.length,
): Scalar {
  return {
    least,
    most: parameters.length,
    translate: (call, context) => {
      const values = call.args.map((arg, i) => {
        const value = translateExpression(arg, context);
        return parameters[i] === 'nvarchar'
          ? text(value, arg)
          : convert(value, parameters[i] ?? 'nvarchar', arg.at);
      });
      return { sql: once(values, sql), type };
    },
  };
}

/** A number in, a number of its own kind out. */
function numeric(sql: (value: string) => string, ofBigint = sql): Scalar {
  return {
    least: 1,
    most: 1,
    translate: ({ args: [arg] }, context) => {
      const value = translateExpression(argument(arg), context);
      if (value.type === 'bigint') return { sql: `CAST(${ofBigint(value.sql)} AS BIGINT)`, type: 'bigint' };
      return { sql: sql(convert(value, 'float', argument(arg).at)), type: 'float' };
    },
  };
}

function argument(arg: Expression | undefined): Expression {
  if (!arg) throw new Error('an argument that was counted is not there');
  return arg;
}

/** The date part that a function has as its first argument: a bare word. */
function part({ args: [arg] }: Call): string {
  const given = argument(arg);
  if (given.kind !== 'path' || given.path.length !== 1)
    throw new QueryError('a date part is wanted here', given.at);
  return datePart(given.path[0] ?? '', given.at);
}

function datetimeOf(arg: Expression | undefined, context: Context): string {
  const given = argument(arg);
  return convert(translateExpression(given, context), 'datetime', given.at);
}

function datepartSql(unit: string, value: string): string {
  if (unit === 'weekday') return `(dayofweek(${value}) + 1)`; // Sunday is 1
  if (unit === 'week')
    return `(CAST(strftime(${value}, '%U') AS BIGINT) + CASE WHEN dayofweek(date_trunc('year', ${value})) = 0 THEN 0 ELSE 1 END)`;
  if (unit === 'millisecond' || unit === 'microsecond')
    return `(date_part('${unit}', ${value}) % ${unit === 'millisecond' ? 1_000 : 1_000_000})`;
  return `date_part('${unit}', ${value})`;
}

/** Two datetimes are no further apart. */
const MAX_DATE_DISTANCE_S = 10_000 * 366 * 86_400;
/** At the least. */
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

const dateFunctions: Record<string, Scalar> = {
  dateadd: {
    least: 3,
    most: 3,
    translate: (call, context) => {
      const unit = { dayofyear: 'day', weekday: 'day' }[part(call)] ?? part(call);
      const [, amount, date] = call.args;
      const number = convert(translateExpression(argument(amount), context), 'bigint', argument(amount).at);
      const step = unit === 'quarter' ? "INTERVAL '3 months'" : `INTERVAL '1 ${unit}'`;
      const within = Math.floor(MAX_DATE_DISTANCE_S / (SECONDS[unit] ?? 1));
      const added = once(
        [datetimeOf(date, context), number],
        (time, count) =>
          `CASE WHEN ${count} BETWEEN -${within} AND ${within} THEN ${time} + ${count} * ${step} END`,
      );
      return { sql: once([added], (time) => `asa_in_range(${time})`), type: 'datetime' };
    },
  },
  // Boundaries crossed, as in T-SQL: 23:59 to 00:01 is one day. Weeks begin on Sunday there, on Monday in DuckDB, which counts whole weeks gone by.
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
  year: simple(['datetime'], 'bigint', (value) => `year(${value})`),
  month: simple(['datetime'], 'bigint', (value) => `month(${value})`),
  day: simple(['datetime'], 'bigint', (value) => `day(${value})`),
};

/** What .NET's regular expressions have and RE2's have not. */
const BEYOND_RE2 = /\(\?<?[=!]|\\[1-9]|\\k[<']/;

const matches = simple(
  ['nvarchar', 'nvarchar'],
  'bigint',
  (value, pattern) => `len(regexp_extract_all(${value}, ${pattern}))`,
);

const stringFunctions: Record<string, Scalar> = {
  len: simple(['nvarchar'], 'bigint', (value) => `len(rtrim(${value}, ' '))`),
  lower: simple(['nvarchar'], 'nvarchar', (value) => `lower(${value})`),
  upper: simple(['nvarchar'], 'nvarchar', (value) => `upper(${value})`),
  ltrim: simple(['nvarchar'], 'nvarchar', (value) => `ltrim(${value})`),
  rtrim: simple(['nvarchar'], 'nvarchar', (value) => `rtrim(${value})`),
  trim: simple(['nvarchar'], 'nvarchar', (value) => `trim(${value})`),
  replace: simple(
    ['nvarchar', 'nvarchar', 'nvarchar'],
    'nvarchar',
    (...args) => `replace(${args.join(', ')})`,
  ),
  // Positions count from 1; a start before the text takes as much from the length.
  substring: simple(
    ['nvarchar', 'bigint', 'bigint'],
    'nvarchar',
    (value, start = '1', length = '0') =>
      `substring(${value}, greatest(${start}, 1), greatest(${length} + least(${start} - 1, 0), 0))`,
  ),
  charindex: simple(
    ['nvarchar', 'nvarchar', 'bigint'],
    'bigint',
    (sought, within, ...[start]: (string | undefined)[]) => {
      if (start === undefined) return `strpos(${within}, ${sought})`;
      const from = `greatest(${start}, 1)`;
      const found = `strpos(substring(${within}, ${from}), ${sought})`;
      return `CASE WHEN ${found} > 0 THEN ${found} + ${from} - 1 ELSE 0 END`;
    },
    2,
  ),
  regexmatch: {
    least: 2,
    most: 2,
    translate: (call, context) => {
      const pattern = argument(call.args[1]);
      if (pattern.kind === 'literal' && BEYOND_RE2.test(pattern.value))
        throw new QueryError(
          'lookaround and backreferences in a regular expression are not covered by the local translation',
          pattern.at,
        );
      return matches.translate(call, context);
    },
  },
  concat: {
    least: 2,
    most: Infinity,
    // NULL counts as an empty text.
    translate: ({ args }, context) => ({
      sql: `concat(${args.map((arg) => convert(translateExpression(arg, context), 'nvarchar', arg.at)).join(', ')})`,
      type: 'nvarchar',
    }),
  },
};

const mathFunctions: Record<string, Scalar> = {
  abs: numeric((value) => `abs(${value})`),
  ceiling: numeric(
    (value) => `ceil(${value})`,
    (value) => value,
  ),
  floor: numeric(
    (value) => `floor(${value})`,
    (value) => value,
  ),
  sign: numeric((value) => `sign(${value})`),
  exp: simple(['float'], 'float', (value) => `exp(${value})`),
  power: simple(['float', 'float'], 'float', (value, exponent) => `pow(${value}, ${exponent})`),
  square: simple(['float'], 'float', (value) => `(${value} * ${value})`),
  sqrt: simple(['float'], 'float', (value) => `CASE WHEN ${value} >= 0 THEN sqrt(${value}) END`),
  round: simple(
    ['float', 'bigint'],
    'float',
    (value, digits) => `round(${value}, CAST(greatest(least(${digits}, 400), -400) AS INTEGER))`,
  ),
};

const otherFunctions: Record<string, Scalar> = {
  coalesce: {
    least: 2,
    most: Infinity,
    translate: ({ args }, context) => {
      const values = args.map((arg) => translateExpression(arg, context));
      const type = unify(values);
      return { sql: `coalesce(${values.map((value) => widen(value, type)).join(', ')})`, type };
    },
  },
  gettype: {
    least: 1,
    most: 1,
    translate: ({ args: [arg] }, context) => {
      const value = translateExpression(argument(arg), context);
      if (value.type !== 'any') return { sql: quote(typeName(value.type)), type: 'nvarchar' };
      return {
        sql: `CASE json_type(${value.sql}) WHEN 'VARCHAR' THEN 'nvarchar(max)' WHEN 'BIGINT' THEN 'bigint' WHEN 'UBIGINT' THEN 'bigint'
          WHEN 'DOUBLE' THEN 'float' WHEN 'BOOLEAN' THEN 'bit' WHEN 'OBJECT' THEN 'record' WHEN 'ARRAY' THEN 'array' ELSE 'any' END`,
        type: 'nvarchar',
      };
    },
  },
  getarraylength: simple(['array'], 'bigint', (value) => `json_array_length(${value})`),
  // Counts from 0; an index outside gives null.
  getarrayelement: simple(['array', 'bigint'], 'any', (value, index) =>
    once(
      [`CASE WHEN ${index} >= 0 THEN json_extract(${value}, '/' || ${index}) END`],
      (element) => `asa_present(${element})`,
    ),
  ),
  getrecordpropertyvalue: simple(
    ['record', 'nvarchar'],
    'any',
    (value, key) => `asa_field(${value}, ${key})`,
  ),
  getmetadatapropertyvalue: { least: 2, most: 2, translate: metadataProperty },
  'system.timestamp': {
    least: 0,
    most: 1,
    translate: ({ args: [arg] }, { timestamp, scope }) => {
      if (arg?.kind === 'path' && arg.path.length === 1) scope.binding(arg.path[0] ?? '', arg.at);
      return { sql: timestamp, type: 'datetime' };
    },
  },
};

const FUNCTIONS: Readonly<Record<string, Scalar>> = {
  ...dateFunctions,
  ...stringFunctions,
  ...mathFunctions,
  ...otherFunctions,
};

/** All functions that are covered, in lower case. */
export const COVERED_FUNCTIONS: readonly string[] = [
  ...Object.keys(FUNCTIONS),
  ...Object.keys(AGGREGATES),
].sort();

/** @throws {QueryError} naming a function that is not covered, or what is wrong with its arguments */
export function callFunction(call: Call, context: Context): Typed {
  const key = call.name.toLowerCase();
  if (key in AGGREGATES)
    throw new QueryError(
      `the aggregate ${call.name} has no place here: it needs a GROUP BY with a window`,
      call.at,
    );
  const known = FUNCTIONS[key];
  if (!known)
    throw new QueryError(`the function ${call.name} is not covered by the local translation`, call.at);
  if (call.distinct || call.over)
    throw new QueryError(`${call.name} takes no ${call.distinct ? 'DISTINCT' : 'OVER'}`, call.at);
  const { least, most } = known;
  if (call.args.length < least || call.args.length > most)
    throw new QueryError(
      `${call.name} takes ${least === most ? least : `${least} or more`} arguments, not ${call.args.length}`,
      call.at,
    );
  return known.translate(call, context);
}

/** Names as Microsoft writes them: 'EventId', '[User].[name]', 'IoTHub.ConnectionDeviceId'. */
function metadataProperty({ args }: Call, { scope }: Context): Typed {
  const [input, property] = [argument(args[0]), argument(args[1])];
  if (input.kind !== 'path' || input.path.length !== 1)
    throw new QueryError('GetMetadataPropertyValue takes the name of an input first', input.at);
  if (property.kind !== 'literal' || property.type !== 'nvarchar')
    throw new QueryError('GetMetadataPropertyValue takes the name of a property as a text', property.at);
  const path = [...property.value.matchAll(/\[([^\]]+)\]|([^.[\]]+)/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  return scope.binding(input.path[0] ?? '', input.at).metadata(path, property.at);
}
