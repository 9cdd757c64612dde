import type { Expression, Position } from './ast';
import { callFunction } from './sqlFunctions';
import { once } from './once';
import { QueryError } from './queryError';
import type { Scope } from './scope';
import {
  SQL_TYPES,
  type Typed,
  arithmetic,
  compare,
  convert,
  isNumeric,
  quote,
  typeName,
  unify,
  widen,
} from './types';

/** Where an expression stands decides what a name and an aggregate mean there. */
export interface Context {
  scope: Scope;
  /** System.Timestamp(): the time of the event, or the end of its window */
  timestamp: string;
  /** takes what stands for something else there, as a grouping key does after GROUP BY */
  replace?: (expression: Expression) => Typed | undefined;
}

const MAX_BIGINT = 2n ** 63n - 1n;

/** @throws {QueryError} */
export function translateExpression(expression: Expression, context: Context): Typed {
  const replaced = context.replace?.(expression);
  if (replaced) return replaced;
  const { at } = expression;
  const typed = (inner: Expression): Typed => translateExpression(inner, context);
  const predicate = (inner: Expression): string => translatePredicate(inner, context);
  switch (expression.kind) {
    case 'literal':
      return literal(expression.type, expression.value, at);
    case 'path':
      return context.scope.field(expression.path, at);
    case 'allRows':
      throw new QueryError("'*' stands in COUNT(*) alone", at);
    case 'negate': {
      const operand = typed(expression.operand);
      return isNumeric(operand.type)
        ? { sql: `(-${operand.sql})`, type: operand.type }
        : arithmetic({ sql: '0', type: 'bigint' }, '-', operand, at);
    }
    case 'binary':
      return arithmetic(typed(expression.left), expression.op, typed(expression.right), at);
    case 'and':
    case 'or':
      return bit(
        `(${predicate(expression.left)} ${expression.kind.toUpperCase()} ${predicate(expression.right)})`,
      );
    case 'not':
      return bit(`(NOT ${predicate(expression.operand)})`);
    case 'compare':
      return bit(compare(typed(expression.left), expression.op, typed(expression.right), at));
    case 'isNull':
      return bit(`(${typed(expression.left).sql} IS ${expression.negated ? 'NOT ' : ''}NULL)`);
    case 'like': {
      const pattern = likePattern(expression.pattern);
      const value = text(typed(expression.left), expression.left);
      return bit(`(${value} ${expression.negated ? 'NOT ' : ''}LIKE ${pattern})`);
    }
    case 'between': {
      const [value, low, high] = [typed(expression.left), typed(expression.low), typed(expression.high)];
      const inside = once([value.sql], (sql) => {
        const same = { ...value, sql };
        return `(${compare(same, '>=', low, at)} AND ${compare(same, '<=', high, at)})`;
      });
      return bit(expression.negated ? `(NOT ${inside})` : inside);
    }
    case 'in': {
      const value = typed(expression.left);
      const any = once([value.sql], (sql) =>
        expression.list.map((one) => compare({ ...value, sql }, '=', typed(one), one.at)).join(' OR '),
      );
      return bit(expression.negated ? `(NOT (${any}))` : `(${any})`);
    }
    case 'case':
      return translateCase(expression, context);
    case 'cast': {
      const operand = typed(expression.operand);
      if (expression.attempt) return { sql: convert(operand, expression.type, at), type: expression.type };
      const failure = quote(
        `${at.line}:${at.column}: CAST to ${typeName(expression.type)} failed: the job stops (TRY_CAST would give null)`,
      );
      const sqlType = SQL_TYPES[expression.type];
      return {
        sql: once([operand.sql], (sql) => {
          const converted = convert({ ...operand, sql }, expression.type, at);
          return `CASE WHEN ${sql} IS NOT NULL AND ${converted} IS NULL THEN CAST(error(${failure}) AS ${sqlType}) ELSE ${converted} END`;
        }),
        type: expression.type,
      };
    }
    case 'call':
      return callFunction(expression, context);
  }
}

/** A condition: of a bit, whether it is 1. */
export function translatePredicate(expression: Expression, context: Context): string {
  const { sql, type } = translateExpression(expression, context);
  if (type === 'bit' || type === 'null') return sql;
  throw new QueryError(`a condition is wanted here, not ${typeName(type)}`, expression.at);
}

/** An event's own value only where it is a text. */
export function text(value: Typed, { at }: Expression): string {
  if (value.type === 'any') return once([value.sql], (sql) => `asa_string(${sql})`);
  if (value.type === 'nvarchar' || value.type === 'null') return value.sql;
  throw new QueryError(`nvarchar(max) is wanted here, not ${typeName(value.type)}: cast it`, at);
}

/** `%` and `_`, as in DuckDB. What stands in brackets there would be taken for itself. */
function likePattern({ at, ...pattern }: Expression): string {
  if (pattern.kind !== 'literal' || pattern.type !== 'nvarchar')
    throw new QueryError(
      'LIKE with a pattern that is no text literal is not covered by the local translation',
      at,
    );
  if (pattern.value.includes('['))
    throw new QueryError('LIKE with [ ] in its pattern is not covered by the local translation', at);
  return quote(pattern.value);
}

function translateCase(expression: Extract<Expression, { kind: 'case' }>, context: Context): Typed {
  const { subject, branches, otherwise } = expression;
  const compared = subject && translateExpression(subject, context);
  const values = branches.map(([, then]) => translateExpression(then, context));
  const rest = otherwise ? translateExpression(otherwise, context) : literal('null', '', expression.at);
  const type = unify([...values, rest]);
  const whens = (conditions: readonly string[]): string =>
    `CASE ${values.map((value, i) => `WHEN ${conditions[i] ?? ''} THEN ${widen(value, type)}`).join(' ')} ELSE ${widen(rest, type)} END`;
  const sql = compared
    ? once([compared.sql], (sql) =>
        whens(
          branches.map(([when]) =>
            compare({ ...compared, sql }, '=', translateExpression(when, context), when.at),
          ),
        ),
      )
    : whens(branches.map(([when]) => translatePredicate(when, context)));
  return { sql, type };
}

function literal(type: 'bigint' | 'float' | 'nvarchar' | 'null', value: string, at: Position): Typed {
  if (type === 'null') return { sql: 'NULL', type };
  if (type === 'bigint' && BigInt(value) > MAX_BIGINT) throw new QueryError(`${value} is beyond bigint`, at);
  return { sql: type === 'nvarchar' ? quote(value) : `CAST(${quote(value)} AS ${SQL_TYPES[type]})`, type };
}

const bit = (sql: string): Typed => ({ sql, type: 'bit' });
