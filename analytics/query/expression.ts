import type { Expression, Position } from './ast';
import { compare } from './comparison';
import { failAt } from './failure';
import { callFunction } from './functions';
import { likeSql } from './like';
import { once, shareConversions } from './once';
import { QueryError } from './queryError';
import { type Context, type Scope, jsonField } from './scope';
import {
  SQL_TYPES,
  type Typed,
  arithmetic,
  complement,
  convert,
  isNumeric,
  quote,
  text,
  typeName,
  unify,
  widen,
} from './types';

/** @param replace translates expressions that have another meaning in this context */
export function createContext(
  scope: Scope,
  timestamp = scope.timestamp,
  replace: Context['replace'] = () => undefined,
): Context {
  const context: Context = {
    scope,
    timestamp,
    replace,
    translate: (expression) => translateExpression(expression, context),
  };
  return context;
}

const MAX_BIGINT = 2n ** 63n - 1n;

/** @throws {QueryError} */
export function translateExpression(expression: Expression, context: Context): Typed {
  const replaced = context.replace(expression);
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
      throw new QueryError("'*' is not possible here: name a column", at);
    case 'member': {
      const operand = typed(expression.operand);
      if (operand.type === 'any' || operand.type === 'record') return jsonField(operand.sql, expression.path);
      throw new QueryError(`a value of type ${typeName(operand.type)} has no fields`, at);
    }
    case 'negate': {
      const { operand: number } = expression;
      if (number.kind === 'literal' && number.type === 'bigint' && BigInt(number.value) === MAX_BIGINT + 1n)
        return { sql: `CAST('-${number.value}' AS BIGINT)`, type: 'bigint' };
      const operand = typed(expression.operand);
      return isNumeric(operand.type)
        ? { sql: `(-${operand.sql})`, type: operand.type }
        : arithmetic({ sql: '0', type: 'bigint' }, '-', operand, at);
    }
    case 'binary':
      return arithmetic(typed(expression.left), expression.op, typed(expression.right), at);
    case 'complement':
      return complement(typed(expression.operand), at);
    case 'and':
    case 'or':
      return bit(chain(expression.operands.map(predicate), expression.kind));
    case 'not':
      return bit(`(NOT ${predicate(expression.operand)})`);
    case 'compare':
      return bit(compare(typed(expression.left), expression.op, typed(expression.right), at));
    case 'isNull':
      return bit(`(${typed(expression.left).sql} IS ${expression.negated ? 'NOT ' : ''}NULL)`);
    case 'like':
      return bit(
        likeSql(expression, text(typed(expression.left), expression.left.at), () =>
          text(typed(expression.pattern), expression.pattern.at),
        ),
      );
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
      return bit(shareConversions(expression.negated ? `(NOT (${any}))` : `(${any})`));
    }
    case 'case':
      return translateCase(expression, context);
    case 'cast': {
      const operand = typed(expression.operand);
      // Each value has a text, except a float beyond its range, which is null.
      if (expression.attempt || expression.type === 'nvarchar')
        return { sql: convert(operand, expression.type, at), type: expression.type };
      const failure = failAt(
        at,
        `CAST to ${typeName(expression.type)} failed: the job stops (TRY_CAST would give null)`,
        expression.type,
      );
      return {
        sql: once([operand.sql], (sql) => {
          const converted = convert({ ...operand, sql }, expression.type, at);
          return `CASE WHEN ${sql} IS NOT NULL AND ${converted} IS NULL THEN ${failure} ELSE ${converted} END`;
        }),
        type: expression.type,
      };
    }
    case 'call':
      return callFunction(expression, context);
  }
}

/** Translates a condition. A bit is true if it is 1. */
export function translatePredicate(expression: Expression, context: Context): string {
  const { sql, type } = translateExpression(expression, context);
  if (type === 'bit') return sql;
  if (type === 'null') return 'CAST(NULL AS BOOLEAN)';
  if (type === 'any') return convert({ sql, type }, 'bit', expression.at);
  throw new QueryError(
    `this must be a condition, but it is of type ${typeName(type)}: compare it with a value`,
    expression.at,
  );
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
  return { sql: shareConversions(sql), type };
}

/** Conditions joined by AND or OR. DuckDB sees the equality of two inputs in a JOIN only if it stands for itself. */
function chain(operands: readonly string[], kind: 'and' | 'or'): string {
  const joined = (some: readonly string[]): string => some.join(` ${kind.toUpperCase()} `);
  if (kind === 'or') return shareConversions(`(${joined(operands)})`);
  const aliases = (sql: string): number => new Set(sql.match(/"(?:[^"]|"")*"(?=\.)/g)).size;
  const single: string[] = [];
  const others: string[] = [];
  for (const sql of operands) (aliases(sql) <= 1 ? single : others).push(sql);
  const shared = shareConversions(joined(single));
  return shared === joined(single) ? `(${joined(operands)})` : `(${joined([`(${shared})`, ...others])})`;
}

function literal(type: 'bigint' | 'float' | 'nvarchar' | 'null', value: string, at: Position): Typed {
  if (type === 'null') return { sql: 'NULL', type };
  if (type === 'bigint' && BigInt(value) > MAX_BIGINT)
    throw new QueryError(`${value} exceeds the range of bigint`, at);
  return { sql: type === 'nvarchar' ? quote(value) : `CAST(${quote(value)} AS ${SQL_TYPES[type]})`, type };
}

const bit = (sql: string): Typed => ({ sql, type: 'bit' });
