/**
 * Reads many fields of one record. The SQL of a single field looks for the name in any case, which costs DuckDB about
 * a millisecond a field to plan. Here, one expression does so for all fields of the record.
 */

import { name, quote } from './types';

/** Fewer fields of a record are read one by one, which is faster for each event. */
const MANY_FIELDS = 100;

/**
 * DuckDB copies the type of a whole STRUCT for each field that it reads from it. So the time to plan grows with the
 * square of the number of fields in a STRUCT, but each further STRUCT parses the record again.
 */
const FIELDS_OF_STRUCT = 200;

export interface Field {
  path: readonly string[];
  column: string;
}

/** Fields of one record. */
interface WideRecord {
  /** from the event down to the record */
  path: readonly string[];
  fields: readonly Field[];
}

/**
 * Separates the fields of records of which many fields are read from the others.
 *
 * @param apart column of a field that is read for itself
 */
export function separateWide(
  fields: readonly Field[],
  apart?: string,
): { wide: WideRecord[]; others: Field[] } {
  const byRecord = new Map<string, Field[]>();
  const others: Field[] = [];
  for (const field of fields) {
    // DuckDB has no field of a STRUCT without a name.
    if (field.path.at(-1) === '' || field.column === apart) others.push(field);
    else {
      const key = keyOf(field.path.slice(0, -1));
      const siblings = byRecord.get(key) ?? [];
      siblings.push(field);
      byRecord.set(key, siblings);
    }
  }
  const wide: WideRecord[] = [];
  for (const siblings of byRecord.values())
    if (siblings.length < MANY_FIELDS) others.push(...siblings);
    else wide.push({ path: siblings[0]?.path.slice(0, -1) ?? [], fields: siblings });
  // The record of many fields may itself be one of many fields. It is read before them.
  const isRecord = ({ path }: Field): boolean => wide.some((one) => keyOf(one.path) === keyOf(path));
  return {
    wide: wide.map(({ path, fields: some }) => ({ path, fields: some.filter((one) => !isRecord(one)) })),
    others: [...others, ...wide.flatMap((one) => one.fields.filter(isRecord))],
  };
}

const keyOf = (path: readonly string[]): string => path.join('\0').toLowerCase();

/** SQL of the rows with the columns of the fields in addition. @param records SQL of each record (JSON), over the rows */
export function selectWide(rows: string, wide: readonly WideRecord[], records: readonly string[]): string {
  if (wide.length === 0) return rows;
  const read: string[] = [];
  const found: string[] = [];
  const columns: string[] = [];
  const temporary: string[] = [];
  wide.forEach(({ fields }, record) => {
    const json = records[record] ?? '';
    const names = `[${fields.map(({ path }) => quote(path.at(-1) ?? '')).join(', ')}]`;
    const [keys, others] = [`__keys_${record}`, `__others_${record}`];
    temporary.push(keys, others);
    read.push(`json_keys(${json}) AS ${keys}`);
    // Whether the record has a name in another case that it does not have as the query writes it.
    found.push(
      `CASE WHEN len(list_intersect(list_transform(${keys}, lambda k: lower(k)), list_transform(${names}, lambda n: lower(n)))) > len(list_intersect(${keys}, ${names}))
        THEN list_transform(${names}, lambda n: asa_field(${json}, n)) END AS ${others}`,
    );
    for (let from = 0; from < fields.length; from += FIELDS_OF_STRUCT) {
      const some = fields.slice(from, from + FIELDS_OF_STRUCT);
      const struct = `__found_${record}_${from}`;
      const type = Object.fromEntries(some.map(({ path }) => [path.at(-1) ?? '', 'JSON']));
      temporary.push(struct);
      found.push(`json_transform(${json}, ${quote(JSON.stringify(type))}) AS ${struct}`);
      some.forEach(({ path, column }, i) => {
        const value = `${struct}.${name(path.at(-1) ?? '')}`;
        columns.push(
          `CASE WHEN ${value} IS NOT NULL THEN asa_present(${value}) ELSE ${others}[${from + i + 1}] END AS ${column}`,
        );
      });
    }
  });
  return `SELECT * EXCLUDE (${temporary.join(', ')}), ${columns.join(', ')} FROM (
    SELECT *, ${found.join(', ')} FROM (SELECT *, ${read.join(', ')} FROM (${rows})))`;
}
