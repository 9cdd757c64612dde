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

export const isJson = (type: Type): boolean => type === 'any' || type === 'record' || type === 'array';
export const isNumeric = (type: Type): boolean => type === 'bigint' || type === 'float';

type Convert = (sql: string) => string;
/** SQL of a macro over a value. */
export const call =
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

/** Reads an event's value if it is a text, otherwise NULL. @throws {QueryError} for a type other than text */
export function text(value: Typed, at: Position): string {
  if (value.type === 'any') return call('asa_string')(value.sql);
  if (value.type === 'nvarchar' || value.type === 'null') return value.sql;
  throw new QueryError(`this must be nvarchar(max), but it is of type ${typeName(value.type)}: cast it`, at);
}

/** Reads an event's value if it is a record or an array, otherwise NULL. @throws {QueryError} for another known type */
export function structure(value: Typed, to: 'record' | 'array', at: Position): string {
  if (value.type === 'any' || value.type === 'null' || value.type === to) return convert(value, to, at);
  const hint = value.type === 'nvarchar' ? ': read the text with JSON_PARSE' : '';
  throw new QueryError(`this must be of type ${to}, but it is of type ${typeName(value.type)}${hint}`, at);
}

/** Of bits, or of an event's values that are all bits, the result is a bit, otherwise a bigint. */
function bitwise(operands: readonly Typed[], op: string, at: Position): Typed {
  for (const { type } of operands)
    if (type !== 'any' && type !== 'bigint' && type !== 'bit')
      throw new QueryError(`the operator ${op} takes bigints, not ${typeName(type)}: cast it`, at);
  const ofBigints = (values: readonly Typed[]): string => {
    const [a = '', b = ''] = values.map((one) => convert(one, 'bigint', at));
    if (op === '~') return `(~${a})`;
    return op === '^' ? `xor(${a}, ${b})` : `(${a} ${op} ${b})`;
  };
  // The last binary digit is that of the bits: ~1 is -2.
  const ofBits = (values: readonly Typed[]): string => `((${ofBigints(values)} & 1) = 1)`;
  if (operands.some(({ type }) => type === 'bigint')) return { sql: ofBigints(operands), type: 'bigint' };
  if (operands.every(({ type }) => type === 'bit')) return { sql: ofBits(operands), type: 'bit' };
  const sql = once(
    operands.map((one) => one.sql),
    (...names) => {
      const values = operands.map(({ type }, i) => ({ sql: names[i] ?? '', type }));
      const areBits = values.flatMap((one) =>
        one.type === 'any' ? `json_type(${one.sql}) = 'BOOLEAN'` : [],
      );
      return `CASE WHEN ${areBits.join(' AND ')} THEN to_json(${ofBits(values)}) ELSE to_json(${ofBigints(values)}) END`;
    },
  );
  return { sql, type: 'any' };
}

/** Translates `~`. @throws {QueryError} */
export const complement = (operand: Typed, at: Position): Typed =>
  operand.type === 'null' ? operand : bitwise([operand], '~', at);

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
  if (op === '&' || op === '|' || op === '^') return bitwise([left, right], op, at);
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
