import { name, quote } from './types';

/** A value in an event: the names from the event down to it. */
export type Path = readonly string[];

interface Branch {
  name: string;
  /** SQL of the value, if it is read as a whole */
  sql: string | undefined;
  branches: Map<string, Branch>;
}

/** Several values of an event, which `json_transform` reads at once. */
export interface Structure {
  /** what `json_transform` takes as its second argument, as SQL */
  sql: string;
  /** SQL of each value, in the order of the paths; undefined where `json_transform` cannot read it beside the others */
  values: readonly (string | undefined)[];
}

/**
 * Describes the values of an event at some paths.
 *
 * @param found SQL of the result of `json_transform`
 */
export function structureOf(paths: readonly Path[], found: string): Structure {
  const root: Branch = { name: '', sql: undefined, branches: new Map() };
  const values = new Map<Path, string | undefined>();
  // Shorter paths first: a value within another one that is read, too, is read from it.
  for (const path of [...paths].sort((a, b) => a.length - b.length)) values.set(path, add(root, path, found));
  return { sql: quote(JSON.stringify(typeOf(root))), values: paths.map((path) => values.get(path)) };
}

function add(root: Branch, path: Path, found: string): string | undefined {
  let branch = root;
  let sql = found;
  for (const [i, part] of path.entries()) {
    if (branch.sql !== undefined) return `json_extract(${branch.sql}, ${quote(pointerOf(path.slice(i)))})`;
    // DuckDB does not distinguish names of a STRUCT by case, and has none without a name.
    const known = branch.branches.get(part.toLowerCase());
    if (part === '' || (known && known.name !== part)) return undefined;
    const next = known ?? { name: part, sql: undefined, branches: new Map<string, Branch>() };
    branch.branches.set(part.toLowerCase(), next);
    branch = next;
    sql += `.${name(part)}`;
  }
  branch.sql = sql;
  return sql;
}

const typeOf = ({ branches }: Branch): object =>
  Object.fromEntries(
    [...branches.values()].map((one) => [one.name, one.sql === undefined ? typeOf(one) : 'JSON']),
  );

/** A JSON pointer. */
export const pointerOf = (path: Path): string =>
  path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
