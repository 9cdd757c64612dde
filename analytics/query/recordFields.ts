/** Reads the fields of records in JSON columns, so that each text is parsed once and not for each of its fields. */

import { type Path, pointerOf, structureOf } from './payloadStructure';
import type { ReadField } from './scope';
import { quote } from './types';

export interface RecordFields {
  read: ReadField;
  /** @param rows SQL of a table: returns SQL of its rows with the fields that have been read */
  select: (rows: string) => string;
}

interface RecordColumn {
  /** SQL of its name */
  column: string;
  /** by path */
  fields: Map<string, { path: Path; field: string }>;
}

export function createRecordFields(): RecordFields {
  const columns = new Map<string, RecordColumn>();
  let fields = 0;
  return {
    read: (table, column, path) => {
      const known = columns.get(column) ?? {
        column,
        fields: new Map<string, { path: Path; field: string }>(),
      };
      columns.set(column, known);
      const key = path.join('\0');
      const found = known.fields.get(key) ?? { path, field: `__field_${(fields += 1)}` };
      known.fields.set(key, found);
      return { sql: `${table}.${found.field}`, type: 'any' };
    },
    select: (rows) => {
      if (columns.size === 0) return rows;
      const parts = [...columns.values()].map(extract);
      const [held, others, found] = (['held', 'others', 'fields'] as const).map((key) =>
        parts.flatMap((one) => one[key]).join(', '),
      );
      return `(SELECT *, ${found} FROM (SELECT *, ${others} FROM (SELECT *, ${held} FROM ${rows})))`;
    },
  };
}

/** @returns SQL of columns: those that all fields share, those that read these, and the fields, which read both */
function extract(
  { column, fields }: RecordColumn,
  i: number,
): Record<'held' | 'others' | 'fields', string[]> {
  const all = [...fields.values()];
  const paths = all.map(({ path }) => path);
  const [found, hasOther, other] = [`__found_${i}`, `__has_other_${i}`, `__other_${i}`];
  const structure = structureOf(
    paths.map((path) => ({ path, asText: false })),
    found,
  );
  const isWhole = structure.values.every((one) => one !== undefined);
  // One expression for all fields: with each batch, DuckDB plans each expression.
  const each = `json_transform(asa_fields(${column}, [${paths.map(listOf).join(', ')}]), ${typesOf(all.length)})`;
  return {
    held: [
      `json_transform(${column}, ${structure.sql}) AS ${found}`,
      `${isWhole ? otherNamesSql(column, paths) : `${column} IS NOT NULL`} AS ${hasOther}`,
    ],
    others: [`CASE WHEN ${hasOther} THEN ${each} END AS ${other}`],
    fields: all.map(({ field }, k) => {
      const value = structure.values[k] === undefined ? 'NULL' : `asa_present(${structure.values[k]})`;
      return `CASE WHEN ${hasOther} THEN ${other}.${valueName(k)} ELSE ${value} END AS ${field}`;
    }),
  };
}

const listOf = (path: Path): string => `[${path.map(quote).join(', ')}]`;

/** As in the macro asa_fields. */
const valueName = (k: number): string => `v${k + 1}`;

const typesOf = (count: number): string =>
  quote(JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, k) => [valueName(k), 'JSON']))));

/** Separates the names of a record. In JSON, it is always escaped. */
const SEPARATOR = 'chr(31)';
/** SQL: whether a name in a record may contain it, because there is an escape from U+0010 to U+001F. */
const mayHaveSeparator = (column: string): string => `contains(CAST(${column} AS VARCHAR), '\\u001')`;

/** SQL: whether a record, or one in it, may have a name of a path in another case. */
function otherNamesSql(column: string, paths: readonly Path[]): string {
  const byParent = new Map<string, Set<string>>();
  for (const path of paths)
    for (const [depth, part] of path.entries()) {
      const parent = pointerOf(path.slice(0, depth));
      byParent.set(parent, (byParent.get(parent) ?? new Set()).add(part));
    }
  return [
    mayHaveSeparator(column),
    ...[...byParent].map(([parent, names]) =>
      otherCaseSql(parent === '' ? `json_keys(${column})` : `json_keys(${column}, ${quote(parent)})`, [
        ...names,
      ]),
    ),
  ].join(' OR ');
}

/**
 * SQL: whether one of these names is among the keys of a record in another case only. DuckDB evaluates all operands of
 * AND and OR, unlike the branches of CASE.
 */
function otherCaseSql(keys: string, names: readonly string[]): string {
  const list = `${SEPARATOR} || array_to_string(${keys}, ${SEPARATOR} || ${SEPARATOR}) || ${SEPARATOR}`;
  const isOther = (one: string): string =>
    `CASE WHEN NOT contains(${list}, ${SEPARATOR} || ${one} || ${SEPARATOR}) THEN contains(lower(${list}), ${SEPARATOR} || lower(${one}) || ${SEPARATOR}) ELSE false END`;
  const isLower = (one: string): boolean => one === one.toLowerCase();
  const lower = names.filter(isLower).map(quote);
  return [
    // Most records have only keys in lower case, so that the names are not compared one by one.
    ...(lower.length > 0
      ? [
          `CASE WHEN lower(${list}) <> ${list} THEN len(list_filter([${lower.join(', ')}], lambda one: ${isOther('one')})) > 0 ELSE false END`,
        ]
      : []),
    ...names.filter((one) => !isLower(one)).map((one) => isOther(quote(one))),
  ].join(' OR ');
}
