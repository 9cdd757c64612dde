/** Converts events to the types that CREATE TABLE declares, and finds those that do not fit. */

import type { CastType, Position } from './ast';
import { once } from './once';
import { pointerOf } from './payloadStructure';
import { QueryError } from './queryError';
import { recordSql } from './scope';
import { convert, quote, toJson } from './types';

/** A column of CREATE TABLE. */
export interface DeclaredColumn {
  /** as CREATE TABLE writes it */
  name: string;
  type: CastType;
  at: Position;
}

/** By lower-case name, in the order of CREATE TABLE. */
export type DeclaredColumns = ReadonlyMap<string, DeclaredColumn>;

/**
 * More columns are converted as lists, one for each type: SQL whose size does not grow with the number of columns. DuckDB
 * takes about 3 ms to plan the conversions of one column. For few columns, this is faster for each event.
 */
const MANY_COLUMNS = 20;

/** What stands in a list where an event has a value that does not fit. It is not JSON. */
const MISFIT = "''";

/** @throws {QueryError} for two columns with the same name */
export function declaredColumns(columns: readonly DeclaredColumn[]): DeclaredColumns {
  const byName = new Map<string, DeclaredColumn>();
  for (const column of columns) {
    const key = column.name.toLowerCase();
    if (byName.has(key))
      throw new QueryError(
        `CREATE TABLE defines the column '${column.name}' twice: remove one of the definitions`,
        column.at,
      );
    byName.set(key, column);
  }
  return byName;
}

export const areMany = (declared: DeclaredColumns): boolean => declared.size > MANY_COLUMNS;

/** SQL of a record, or of one with null in each of some fields if there is no record, as in a left join without a match. */
export function orNulls(record: string, fields: readonly string[]): string {
  if (fields.length === 0) return record;
  const nulls = fields.map((field) => `${JSON.stringify(field)}:null`);
  return `coalesce(${record}, CAST(${quote(`{${nulls.join(',')}}`)} AS JSON))`;
}

/**
 * SQL of rows with `event` (JSON or its text): `event` becomes NULL if it does not fit CREATE TABLE.
 *
 * @param column the name of the column with the value (JSON) of a declared column; only called for few columns
 * @param record names that `event` then has, each with a value of its type; undefined if nothing reads `event`
 */
export function fittingSql(
  rows: string,
  declared: DeclaredColumns,
  column: (field: string) => string,
  record: readonly string[] | undefined,
): string {
  if (declared.size === 0) return rows;
  const all = [...declared.values()];
  const inRecord = all.filter(({ name }) => record?.includes(name));
  const fitting = (fits: string, converted: string): string =>
    `REPLACE (CASE WHEN event IS NOT NULL AND ${fits} THEN ${inRecord.length === 0 ? 'event' : withOthers(converted, inRecord)} END AS event)`;
  if (!areMany(declared)) {
    const fits = all.map(({ name, type }) => fitsSql(type, column(name))).join(' AND ');
    const converted = recordSql(
      inRecord.map(({ name, type, at }) => ({
        column: { kind: 'column', name, type },
        sql: convert({ sql: column(name), type: 'any' }, type, at),
      })),
    );
    return `SELECT * ${fitting(fits, converted)} FROM (${rows})`;
  }
  const groups = byType(all);
  const order = groups.flat();
  const places = inRecord.map((one) => order.indexOf(one) + 1);
  const names = listSql(inRecord.map(({ name }) => `${JSON.stringify(name)}:`));
  const converted = `CAST('{' || array_to_string(list_transform(list_zip(${names}, list_select(__declared, [${places.join(', ')}])),
    lambda pair: pair[1] || coalesce(pair[2], 'null')), ',') || '}' AS JSON)`;
  return `SELECT * EXCLUDE (__declared) ${fitting(`NOT list_contains(__declared, ${MISFIT})`, converted)} FROM (
    SELECT * EXCLUDE (__lowered), flatten([${groups.map(textsSql).join(', ')}]) AS __declared
    FROM (SELECT *, ${loweredSql(all)} AS __lowered FROM (${rows})))`;
}

const listSql = (texts: readonly string[]): string => `[${texts.map(quote).join(', ')}]`;

const namesSql = (columns: readonly DeclaredColumn[]): string => listSql(columns.map(({ name }) => name));

const lowerNamesSql = (columns: readonly DeclaredColumn[]): string =>
  listSql(columns.map(({ name }) => name.toLowerCase()));

/** SQL of the fields of the event, each with its name: pairs that {@link objectSql} makes an object again. */
const PAIRS = "list_zip(json_keys(event), json_extract(event, '$.*'))";

/** SQL of an object. @param name SQL of a name, from `pair` */
const objectSql = (pairs: string, name = 'pair[1]'): string =>
  `CAST('{' || array_to_string(list_transform(${pairs}, lambda pair: CAST(to_json(${name}) AS VARCHAR) || ':' || CAST(pair[2] AS VARCHAR)), ',') || '}' AS JSON)`;

/** SQL of a record with the fields of the event that are not declared behind it. */
function withOthers(record: string, columns: readonly DeclaredColumn[]): string {
  const names = columns.map(({ name }) => quote(name.toLowerCase())).join(', ');
  const others = `list_filter(${PAIRS}, lambda pair: lower(pair[1]) NOT IN (${names}))`;
  const joined = once([record, objectSql(others)], (own, other) => `asa_join(${own}, ${other})`);
  return `CASE WHEN list_has_all([${names}], asa_names(event)) THEN ${record} ELSE ${joined} END`;
}

/**
 * SQL: whether a value (JSON) is NULL or fits a type. "Conversion without precision loss" succeeds, "type conversion
 * errors happening during input read operations cause the job to drop the event" (data types).
 */
const fitsSql = (type: CastType, value: string): string => `asa_fits_${type}(${value})`;

const byType = (columns: readonly DeclaredColumn[]): DeclaredColumn[][] =>
  [...new Set(columns.map(({ type }) => type))].map((type) => columns.filter((one) => one.type === type));

/** SQL of a list: the values of columns of one type as texts of JSON. A missing value is NULL. */
function textsSql(columns: readonly DeclaredColumn[]): string {
  const [first] = columns;
  if (!first) return '[]';
  const { type, at } = first;
  const read = (json: string, nameOf: (column: DeclaredColumn) => string): string =>
    `json_extract(${json}, ${listSql(columns.map((one) => pointerOf([nameOf(one)])))}::VARCHAR[])`;
  const exact = read('event', ({ name }) => name);
  const other = read('__lowered', ({ name }) => name.toLowerCase());
  const found = `CASE WHEN __lowered IS NULL THEN ${exact} ELSE list_transform(list_zip(${exact}, ${other}), lambda pair: coalesce(pair[1], pair[2])) END`;
  const text = `CAST(${toJson({ sql: convert({ sql: 'v', type: 'any' }, type, at), type })} AS VARCHAR)`;
  return `list_transform(${found}, lambda v: CASE WHEN CAST(v AS VARCHAR) <> 'null' THEN CASE WHEN ${fitsSql(type, 'v')} THEN ${text} ELSE ${MISFIT} END END)`;
}

/**
 * SQL of the event with its names in lower case, if it has one in another case that it does not have as CREATE TABLE
 * writes it; otherwise NULL.
 */
function loweredSql(columns: readonly DeclaredColumn[]): string {
  const names = namesSql(columns);
  const isOther = `len(list_intersect(asa_names(event), ${lowerNamesSql(columns)})) > len(list_intersect(json_keys(event), ${names}))`;
  return `CASE WHEN NOT list_has_all(json_keys(event), ${names}) THEN CASE WHEN ${isOther} THEN ${objectSql(PAIRS, 'lower(pair[1])')} END END`;
}
