/**
 * Comparisons of values. One rule of equality holds for `=`, IN, CASE, joins, GROUP BY, PARTITION BY, DISTINCT and
 * TIMESTAMP BY … OVER: numbers and bits are equal if their exact values are, and texts if their characters are. A number
 * does not equal a text. Records are equal if they have the same names with equal values, and arrays if their elements
 * are equal.
 */

import type { Position } from './ast';
import { once } from './once';
import { QueryError } from './queryError';
import { type Typed, call, convert, isJson, isNumeric, typeName } from './types';

/** @throws {QueryError} for two types whose values cannot be compared */
export function compare(left: Typed, op: string, right: Typed, at: Position): string {
  const both = (a: string, b: string): string => `(${a} ${op} ${b})`;
  const isEquality = op === '=' || op === '<>';
  if (left.type === 'null' || right.type === 'null') return 'CAST(NULL AS BOOLEAN)';
  if (isJson(left.type) && isJson(right.type))
    return isEquality
      ? both(call('asa_key')(left.sql), call('asa_key')(right.sql))
      : once([left.sql, right.sql], (a, b) => compareJson(a, b, both));
  if (isNumeric(left.type) && isNumeric(right.type) && left.type !== right.type && isEquality)
    return left.type === 'float' ? equalToFloat(right, op, left.sql) : equalToFloat(left, op, right.sql);
  if (isJson(left.type)) return compareWithKnown(left.sql, op, right, both);
  if (isJson(right.type)) return compareWithKnown(right.sql, op, left, (a, b) => both(b, a));
  if (left.type === right.type || (isNumeric(left.type) && isNumeric(right.type)))
    return both(left.sql, right.sql);
  if (left.type === 'bit' && isNumeric(right.type)) return both(bitNumber(left), right.sql);
  if (right.type === 'bit' && isNumeric(left.type)) return both(left.sql, bitNumber(right));
  if (left.type === 'datetime' && right.type === 'nvarchar')
    return both(left.sql, convert(right, 'datetime', at));
  if (right.type === 'datetime' && left.type === 'nvarchar')
    return both(convert(left, 'datetime', at), right.sql);
  throw new QueryError(
    `${typeName(left.type)} cannot be compared with ${typeName(right.type)}: cast one of them`,
    at,
  );
}

type Both = (a: string, b: string) => string;

const bitNumber = ({ sql }: Typed): string => `CAST(${sql} AS BIGINT)`;

/** Orders two values of an event: as bigints, as numbers or as texts. */
const compareJson = (a: string, b: string, both: Both): string =>
  `CASE WHEN asa_is_int(${a}) AND asa_is_int(${b}) THEN ${both(`asa_int(${a})`, `asa_int(${b})`)}
    ELSE coalesce(${both(`asa_number(${a})`, `asa_number(${b})`)}, ${both(`asa_string(${a})`, `asa_string(${b})`)}) END`;

/** Compares an event's value with a value of known type, without conversion between numbers and texts. */
function compareWithKnown(json: string, op: string, known: Typed, both: Both): string {
  const isEquality = op === '=' || op === '<>';
  if (known.type === 'float' && isEquality) return equalToFloat({ sql: json, type: 'any' }, op, known.sql);
  if (isNumeric(known.type) || known.type === 'bit') {
    const number = known.type === 'bit' ? bitNumber(known) : known.sql;
    return known.type === 'float'
      ? both(call('asa_number')(json), number)
      : compareInteger(json, op, number, both);
  }
  if (known.type === 'nvarchar') return both(call('asa_string')(json), known.sql);
  return both(call('asa_datetime')(json), known.sql);
}

/** Compares an event's number with a bigint, exactly, even if a float cannot represent them. */
function compareInteger(json: string, op: string, bigint: string, both: Both): string {
  if (op === '=' || op === '<>') return both(call('asa_int')(json), `CAST(${bigint} AS HUGEINT)`);
  // No integer becomes a float on the other side of a small one.
  if (isSmallInteger(bigint)) return both(call('asa_number')(json), bigint);
  return once(
    [json, bigint],
    (a, b) =>
      `CASE WHEN asa_is_int(${a}) THEN ${both(`asa_int(${a})`, b)} ELSE ${both(`asa_number(${a})`, b)} END`,
  );
}

/** The least number from which on a float does not represent every integer: 2^53. */
const INEXACT = '9007199254740992';

/** Whether a bigint or an event's number equals a float. A large integer is compared exactly, not as the nearest float. */
function equalToFloat({ sql, type }: Typed, op: string, float: string): string {
  const number = type === 'any' ? call('asa_number') : (bigint: string) => bigint;
  const integer = type === 'any' ? call('asa_int') : (bigint: string) => `CAST(${bigint} AS HUGEINT)`;
  if (isSmallFloat(float)) return `(${number(sql)} ${op} ${float})`;
  return once([sql, float], (value, x) => {
    const exactly = `${integer(value)} = coalesce(TRY_CAST(${x} AS HUGEINT), ${integer(value)})`;
    const equal = `(${number(value)} = ${x} AND (abs(${x}) < ${INEXACT} OR ${exactly}))`;
    return op === '=' ? equal : `(NOT ${equal})`;
  });
}

/** Whether SQL is a literal that a float represents exactly. */
function isSmallInteger(sql: string): boolean {
  const [, digits] = /^CAST\('(-?\d+)' AS BIGINT\)$/.exec(sql) ?? [];
  return digits !== undefined && Number.isSafeInteger(Number(digits));
}

/** Whether SQL is a literal of a float that no two integers are nearest to. */
function isSmallFloat(sql: string): boolean {
  const [, digits] = /^CAST\('([^']+)' AS DOUBLE\)$/.exec(sql) ?? [];
  return digits !== undefined && Math.abs(Number(digits)) < Number(INEXACT);
}

/** SQL that is equal, or NULL, for values that are equal, or NULL. */
export const distinctKey = ({ sql, type }: Typed): string => (isJson(type) ? call('asa_key')(sql) : sql);

/** The same as a text without control characters. */
export function keyText(value: Typed): string {
  if (value.type === 'nvarchar') return `CAST(to_json(${value.sql}) AS VARCHAR)`;
  if (value.type === 'float') return `asa_float_key(${value.sql})`;
  return isJson(value.type) ? distinctKey(value) : `CAST(${value.sql} AS VARCHAR)`;
}
