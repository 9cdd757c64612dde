import { name, quote } from './types';

/** A value in an event: the names from the event down to it. */
export type Path = readonly string[];

/** A value to read. */
export interface Reading {
  path: Path;
  /**
   * whether to read its text: a text without its quotation marks, other values as JSON. So the text `2026` and the
   * number 2026 are the same: only for uses that treat them alike
   */
  asText: boolean;
}

interface Branch {
  name: string;
  /** SQL of the value, if it is read as a whole */
  sql: string | undefined;
  type: 'JSON' | 'VARCHAR';
  branches: Map<string, Branch>;
}

/** Several values of an event, which `json_transform` reads at once. */
export interface Structure {
  /** what `json_transform` takes as its second argument, as SQL */
  sql: string;
  /** SQL of each value, in the order of the readings; undefined where `json_transform` cannot read it beside the others */
  values: readonly (string | undefined)[];
  /** whether a value is a VARCHAR, in the same order; otherwise, it is JSON */
  texts: readonly boolean[];
}

/**
 * Describes some values of an event. A value is a text only if all of its readings allow that, and none is of a value
 * within it or around it.
 *
 * @param found SQL of the result of `json_transform`
 */
export function structureOf(readings: readonly Reading[], found: string): Structure {
  const root: Branch = { name: '', sql: undefined, type: 'JSON', branches: new Map() };
  const values = new Map<Reading, string | undefined>();
  const isText = (reading: Reading): boolean =>
    reading.asText &&
    readings
      .filter((one) => startsWith(one.path, reading.path) || startsWith(reading.path, one.path))
      .every((one) => one.asText && one.path.length === reading.path.length);
  // Shorter paths first: a value within another one that is read, too, is read from it.
  for (const reading of [...readings].sort((a, b) => a.path.length - b.path.length))
    values.set(reading, add(root, reading.path, found, isText(reading) ? 'VARCHAR' : 'JSON'));
  return {
    sql: quote(JSON.stringify(typeOf(root))),
    values: readings.map((one) => values.get(one)),
    texts: readings.map((one) => values.get(one) !== undefined && isText(one)),
  };
}

const startsWith = (path: Path, start: Path): boolean =>
  start.every((part, i) => part.toLowerCase() === path[i]?.toLowerCase());

function add(root: Branch, path: Path, found: string, type: Branch['type']): string | undefined {
  let branch = root;
  let sql = found;
  for (const [i, part] of path.entries()) {
    if (branch.sql !== undefined) return extractSql(branch.sql, path.slice(i));
    // DuckDB does not distinguish names of a STRUCT by case, and has none without a name.
    const known = branch.branches.get(part.toLowerCase());
    if (part === '' || (known && known.name !== part)) return undefined;
    const next = known ?? { name: part, sql: undefined, type, branches: new Map<string, Branch>() };
    branch.branches.set(part.toLowerCase(), next);
    branch = next;
    sql += `.${name(part)}`;
  }
  branch.sql = sql;
  return sql;
}

const typeOf = ({ branches }: Branch): object =>
  Object.fromEntries(
    [...branches.values()].map((one) => [one.name, one.sql === undefined ? typeOf(one) : one.type]),
  );

/** Such a part of a JSON pointer is also an index of an array, unlike a name in a query. */
export const isIndex = (part: string): boolean => /^(?:[0-9]+|-)$/.test(part);

export const mayIndex = (path: Path): boolean => path.some(isIndex);

/** SQL of a value in a JSON value; NULL if there is none. */
export const extractSql = (json: string, path: Path): string =>
  mayIndex(path)
    ? path.reduce((outer, part) => `json_extract(${outer}, ${quote(memberPath(part))})`, json)
    : `json_extract(${json}, ${quote(pointerOf(path))})`;

/** As the macro asa_pointer. DuckDB's own paths distinguish the members of an object from the elements of an array. */
const memberPath = (part: string): string => (isIndex(part) ? `$."${part}"` : pointerOf([part]));

/** A JSON pointer. */
export const pointerOf = (path: Path): string =>
  path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
