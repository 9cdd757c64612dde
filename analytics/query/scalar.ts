import type { Call, CastType, Expression } from './ast';
import { once } from './once';
import type { Context } from './scope';
import { type Type, type Typed, convert, text } from './types';

/** A scalar function, with its number of arguments. */
export interface Scalar {
  least: number;
  most: number;
  translate: (call: Call, context: Context) => Typed;
}

/** Defines a function whose arguments are converted to given types, or to NULL if they do not fit. */
export function simple(
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
        const value = context.translate(arg);
        return parameters[i] === 'nvarchar'
          ? text(value, arg.at)
          : convert(value, parameters[i] ?? 'nvarchar', arg.at);
      });
      return { sql: once(values, sql), type };
    },
  };
}

/** Defines a function of a number and optional further arguments, whose result has the type of the first argument. */
export function numeric(
  sql: (value: string, ...further: string[]) => string,
  { ofBigint = sql, further = [] as readonly CastType[], optional = 0 } = {},
): Scalar {
  const bigintSql = (...args: [string, ...string[]]): string => `CAST(${ofBigint(...args)} AS BIGINT)`;
  const floatSql = (...args: [string, ...string[]]): string => `CAST(${sql(...args)} AS DOUBLE)`;
  return {
    least: 1 + further.length - optional,
    most: 1 + further.length,
    translate: ({ args: [arg, ...rest] }, context) => {
      const value = context.translate(argument(arg));
      const others = rest.map((one, i) => convert(context.translate(one), further[i] ?? 'float', one.at));
      const of = (number: string, body: (value: string, ...others: string[]) => string): string =>
        once([number, ...others], (one = '', ...more) => body(one, ...more));
      if (value.type === 'bigint') return { sql: of(value.sql, bigintSql), type: 'bigint' };
      if (value.type !== 'any')
        return { sql: of(convert(value, 'float', argument(arg).at), floatSql), type: 'float' };
      return {
        sql: of(
          value.sql,
          (
            json,
            ...more
          ) => `CASE WHEN asa_is_int(${json}) THEN to_json(${bigintSql(`asa_bigint(${json})`, ...more)})
            ELSE asa_float_json(${floatSql(`asa_float(${json})`, ...more)}) END`,
        ),
        type: 'any',
      };
    },
  };
}

/** Returns an argument that exists, because the number of arguments was checked. */
export function argument(arg: Expression | undefined): Expression {
  if (!arg) throw new Error('an argument that was counted is not there');
  return arg;
}
