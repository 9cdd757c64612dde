import type { CastType, Expression } from './ast';
import { type Context, text, translateExpression } from './expression';
import { once } from './once';
import { type Type, type Typed, convert } from './types';

export type Call = Extract<Expression, { kind: 'call' }>;

/** A function of one value for each row, and how many arguments it takes. */
export interface Scalar {
  least: number;
  most: number;
  translate: (call: Call, context: Context) => Typed;
}

/** A function whose arguments are each converted to one type, by NULL where they do not fit. */
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
export function numeric(sql: (value: string) => string, ofBigint = sql): Scalar {
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

/** An argument whose presence the count of arguments has shown. */
export function argument(arg: Expression | undefined): Expression {
  if (!arg) throw new Error('an argument that was counted is not there');
  return arg;
}
