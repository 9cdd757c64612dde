import type { CastType, Position } from './ast';
import { once } from './once';
import { QueryError } from './queryError';

/** The type of an expression: a type of Stream Analytics, or `any` if it depends on the event. */
export type Type = CastType | 'any' | 'null';

/** A translated expression: DuckDB SQL, and its type in Stream Analytics. */
export interface Typed {
  sql: string;
  type: Type;
}

export const typeName = (type: Type): string => (type === 'nvarchar' ? 'nvarchar(max)' : type);

/** The DuckDB types of the Stream Analytics types. */
export const SQL_TYPES: Record<Type, string> = {
  bigint: 'BIGINT',
  float: 'DOUBLE',
  nvarchar: 'VARCHAR',
  datetime: 'TIMESTAMP',
  bit: 'BOOLEAN',
  record: 'JSON',
  array: 'JSON',
  any: 'JSON',
  null: 'VARCHAR',
};

const isJson = (type: Type): boolean => type === 'any' || type === 'record' || type === 'array';
export const isNumeric = (type: Type): boolean => type === 'bigint' || type === 'float';

type Convert = (sql: string) => string;
const call =
  (macro: string): Convert =>
  (sql) =>
    once([sql], (value) => `${macro}(${value})`);

/** Conversions from one known type to another. If an entry is absent, there is no such conversion. */
const CONVERSIONS: Partial<Record<Type, Partial<Record<CastType, Convert>>>> = {
  bigint: {
    float: (sql) => `CAST(${sql} AS DOUBLE)`,
    nvarchar: (sql) => `CAST(${sql} AS VARCHAR)`,
    bit: (sql) => `(${sql} <> 0)`,
  },
  float: {
    bigint: call('asa_float_bigint'),
    nvarchar: call('asa_float_text'),
    bit: (sql) => `(${sql} <> 0)`,
  },
  nvarchar: {
    bigint: call('asa_text_bigint'),
    float: call('asa_text_float'),
    datetime: call('asa_text_datetime'),
    bit: call('asa_text_bit'),
    record: (sql) => once([`asa_text_json(${sql})`], (json) => `asa_record(${json})`),
    array: (sql) => once([`asa_text_json(${sql})`], (json) => `asa_array(${json})`),
  },
  datetime: { nvarchar: call('asa_datetime_text') },
  bit: {
    bigint: (sql) => `CAST(${sql} AS BIGINT)`,
    float: (sql) => `CAST(CAST(${sql} AS BIGINT) AS DOUBLE)`,
    nvarchar: call('asa_bit_text'),
  },
};

/**
 * Converts like TRY_CAST: the result is NULL if a value does not fit.
 *
 * @throws {QueryError} if no value of the type can fit
 */
export function convert({ sql, type }: Typed, to: CastType, at: Position): string {
  if (type === to) return sql;
  if (type === 'null') return `CAST(NULL AS ${SQL_TYPES[to]})`;
  if (isJson(type)) return call(`asa_${to}`)(sql);
  const found = CONVERSIONS[type]?.[to];
  if (!found) throw new QueryError(`${typeName(type)} cannot be converted to ${typeName(to)}`, at);
  return found(sql);
}

/** Converts a value of any type to JSON. */
export function toJson({ sql, type }: Typed): string {
  if (isJson(type)) return sql;
  if (type === 'null') return 'CAST(NULL AS JSON)';
  if (type === 'float') return call('asa_float_json')(sql);
  return type === 'datetime' ? `to_json(asa_datetime_text(${sql}))` : `to_json(${sql})`;
}

/** The common type of alternative values, such as the branches of a CASE. */
export function unify(values: readonly Typed[]): Type {
  const types = new Set(values.map(({ type }) => type).filter((type) => type !== 'null'));
  const [first = 'null'] = types;
  if (types.size <= 1) return first;
  return [...types].every(isNumeric) ? 'float' : 'any';
}

/** Converts without loss to a type from {@link unify}. */
export function widen(value: Typed, to: Type): string {
  if (value.type === to) return value.sql;
  if (to === 'any') return toJson(value);
  return value.type === 'null' ? 'NULL' : `CAST(${value.sql} AS ${SQL_TYPES[to]})`;
}

/** @throws {QueryError} for two types whose values cannot be compared */
export function compare(left: Typed, op: string, right: Typed, at: Position): string {
  const both = (a: string, b: string): string => `(${a} ${op} ${b})`;
  if (left.type === 'null' || right.type === 'null') return 'CAST(NULL AS BOOLEAN)';
  if (isJson(left.type) && isJson(right.type)) {
    return op === '=' || op === '<>'
      ? both(call('asa_key')(left.sql), call('asa_key')(right.sql))
      : once(
          [left.sql, right.sql],
          (
            a,
            b,
          ) => `CASE WHEN asa_is_int(${a}) AND asa_is_int(${b}) THEN ${both(`asa_int(${a})`, `asa_int(${b})`)}
        ELSE coalesce(${both(`asa_number(${a})`, `asa_number(${b})`)}, ${both(`asa_string(${a})`, `asa_string(${b})`)}) END`,
        );
  }
  if (isJson(left.type) && right.type === 'bigint') return compareInteger(left.sql, op, right.sql, both);
  if (isJson(right.type) && left.type === 'bigint')
    return compareInteger(right.sql, op, left.sql, (a, b) => both(b, a));
  if (isJson(left.type)) return both(asTyped(left.sql, right.type), right.sql);
  if (isJson(right.type)) return both(left.sql, asTyped(right.sql, left.type));
  if (left.type === right.type || (isNumeric(left.type) && isNumeric(right.type)))
    return both(left.sql, right.sql);
  if (left.type === 'bit' && isNumeric(right.type)) return both(`CAST(${left.sql} AS BIGINT)`, right.sql);
  if (right.type === 'bit' && isNumeric(left.type)) return both(left.sql, `CAST(${right.sql} AS BIGINT)`);
  if (left.type === 'datetime' && right.type === 'nvarchar')
    return both(left.sql, convert(right, 'datetime', at));
  if (right.type === 'datetime' && left.type === 'nvarchar')
    return both(convert(left, 'datetime', at), right.sql);
  throw new QueryError(
    `${typeName(left.type)} cannot be compared with ${typeName(right.type)}: cast one of them`,
    at,
  );
}

/** Compares an event's number with a bigint, exactly, even if a float cannot represent them. */
function compareInteger(
  json: string,
  op: string,
  bigint: string,
  both: (json: string, bigint: string) => string,
): string {
  if (op === '=' || op === '<>') return both(call('asa_int')(json), `CAST(${bigint} AS HUGEINT)`);
  // No integer becomes a float on the other side of a small one.
  if (isSmallInteger(bigint)) return both(call('asa_number')(json), bigint);
  return once(
    [json, bigint],
    (a, b) =>
      `CASE WHEN asa_is_int(${a}) THEN ${both(`asa_int(${a})`, b)} ELSE ${both(`asa_number(${a})`, b)} END`,
  );
}

/** Whether SQL is a literal that a float represents exactly. */
function isSmallInteger(sql: string): boolean {
  const [, digits] = /^CAST\('(-?\d+)' AS BIGINT\)$/.exec(sql) ?? [];
  return digits !== undefined && Number.isSafeInteger(Number(digits));
}

/** Reads an event's value as a type, without conversion between numbers and texts. */
function asTyped(json: string, type: Type): string {
  if (isNumeric(type)) return call('asa_number')(json);
  if (type === 'nvarchar') return call('asa_string')(json);
  return call(type === 'datetime' ? 'asa_datetime' : 'asa_bit')(json);
}

/** Reads an event's value if it is a text, otherwise NULL. @throws {QueryError} for a type other than text */
export function text(value: Typed, at: Position): string {
  if (value.type === 'any') return call('asa_string')(value.sql);
  if (value.type === 'nvarchar' || value.type === 'null') return value.sql;
  throw new QueryError(`this must be nvarchar(max), but it is of type ${typeName(value.type)}: cast it`, at);
}

/** Translates `&`, `|` and `^`, whose operands are bigints. @throws {QueryError} */
function bitwise(left: Typed, op: string, right: Typed, at: Position): Typed {
  for (const { type } of [left, right])
    if (type !== 'any' && type !== 'bigint' && type !== 'bit')
      throw new QueryError(`the operator ${op} takes bigints, not ${typeName(type)}: cast it`, at);
  const [a, b] = [convert(left, 'bigint', at), convert(right, 'bigint', at)];
  return { sql: op === '^' ? `xor(${a}, ${b})` : `(${a} ${op} ${b})`, type: 'bigint' };
}

/** DuckDB raises an error for the least bigint % -1. For each a, a % -1 is a % 1. */
export const modulus = (by: string): string => `CASE WHEN ${by} = -1 THEN 1 ELSE ${by} END`;

const OPERATORS: Record<string, string> = {
  '+': 'asa_add',
  '-': 'asa_subtract',
  '*': 'asa_multiply',
  '/': 'asa_divide',
  '%': 'asa_modulo',
};

/**
 * Translates arithmetic. Two bigints give a bigint, so division truncates. `+` concatenates texts.
 *
 * @throws {QueryError}
 */
export function arithmetic(left: Typed, op: string, right: Typed, at: Position): Typed {
  if (left.type === 'null' || right.type === 'null') return { sql: 'NULL', type: 'null' };
  if (op === '&' || op === '|' || op === '^') return bitwise(left, op, right, at);
  if (isNumeric(left.type) && isNumeric(right.type)) {
    const type = unify([left, right]);
    const symbol = op === '/' && type === 'bigint' ? '//' : op;
    if (op === '%' && type === 'bigint')
      return { sql: once([right.sql], (by) => `(${left.sql} % ${modulus(by)})`), type };
    return { sql: `(${left.sql} ${symbol} ${right.sql})`, type };
  }
  if (op === '+' && left.type === 'nvarchar' && right.type === 'nvarchar')
    return { sql: `(${left.sql} || ${right.sql})`, type: 'nvarchar' };
  const fits = (type: Type): boolean =>
    type === 'any' || isNumeric(type) || (op === '+' && type === 'nvarchar');
  if ((left.type === 'any' || right.type === 'any') && fits(left.type) && fits(right.type))
    return {
      sql: once([toJson(left), toJson(right)], (a, b) => `${OPERATORS[op] ?? ''}(${a}, ${b})`),
      type: 'any',
    };
  throw new QueryError(
    `the operator ${op} does not take ${typeName(left.type)} and ${typeName(right.type)}: cast one of them`,
    at,
  );
}

/** Quotes a text for SQL. */
export const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** Quotes a name for SQL. */
export const name = (text: string): string => `"${text.replaceAll('"', '""')}"`;
