import type { Call, CastType, Expression } from './ast';
import { failCall } from './failure';
import { once } from './once';
import type { Context } from './scope';
import { type Type, type Typed, call, convert, structure, text } from './types';

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
    translate: ({ args }, context) => {
      const values = args.map((arg, i) => {
        const [value, parameter = 'nvarchar'] = [context.translate(arg), parameters[i]];
        if (parameter === 'nvarchar') return text(value, arg.at);
        return parameter === 'record' || parameter === 'array'
          ? structure(value, parameter, arg.at)
          : convert(value, parameter, arg.at);
      });
      const found = once(values, sql);
      return { sql: type === 'float' ? call('asa_finite')(found) : found, type };
    },
  };
}

/** The same for a function that stops the job for some values. @param sql is given SQL that does so, for a reason */
export function refusing(
  parameters: readonly CastType[],
  type: Type,
  sql: (refuse: (reason: string) => string) => (...args: string[]) => string,
): Scalar {
  const of = (refuse: (reason: string) => string): Scalar => simple(parameters, type, sql(refuse));
  return {
    ...of(() => ''),
    translate: (call, context) => of((reason) => failCall(call, reason, type)).translate(call, context),
  };
}

/** A bigint of a greater number, which may exceed its range. */
const inRange = (number: string, call: Call): string =>
  once(
    [number],
    (
      one,
    ) => `CASE WHEN ${one} >= -9223372036854775808::HUGEINT AND ${one} < 9223372036854775808::HUGEINT THEN CAST(${one} AS BIGINT)
      WHEN ${one} IS NOT NULL THEN ${failCall(call, 'its result exceeds the range of bigint', 'bigint')} END`,
  );

/**
 * Defines a function of a number and optional further arguments, whose result has the type of the first argument.
 *
 * @param exceeds whether its result for a bigint may exceed the range of bigint
 */
export function numeric(
  sql: (value: string, ...further: string[]) => string,
  { ofBigint = sql, further = [] as readonly CastType[], exceeds = false } = {},
): Scalar {
  const floatSql = (...args: [string, ...string[]]): string => `CAST(${sql(...args)} AS DOUBLE)`;
  return {
    least: 1 + further.length,
    most: 1 + further.length,
    translate: (called, context) => {
      const [arg, ...rest] = called.args;
      const bigintSql = (...args: [string, ...string[]]): string =>
        exceeds ? inRange(ofBigint(...args), called) : `CAST(${ofBigint(...args)} AS BIGINT)`;
      const value = context.translate(argument(arg));
      const others = rest.map((one, i) => convert(context.translate(one), further[i] ?? 'float', one.at));
      const of = (number: string, body: (value: string, ...others: string[]) => string): string =>
        once([number, ...others], (one = '', ...more) => body(one, ...more));
      if (value.type === 'bigint') return { sql: of(value.sql, bigintSql), type: 'bigint' };
      if (value.type !== 'any')
        return {
          sql: call('asa_finite')(of(convert(value, 'float', argument(arg).at), floatSql)),
          type: 'float',
        };
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
