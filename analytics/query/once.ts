import { createHash } from 'node:crypto';

/** A column, a name of a lambda's, or a literal: nothing that is worth working out once only. */
const SIMPLE =
  /^(?:(?:"(?:[^"]|"")*"|\w+)(?:\.(?:"(?:[^"]|"")*"|\w+))?|'(?:[^']|'')*'|CAST\('[\d.eE+-]+' AS \w+\))$/;

/**
 * SQL that names values several times, which yet stand in it and are worked out but once: macros write their arguments
 * out at each place, and nested expressions would grow with each level by as much.
 *
 * @param body what is made of the names of the values, in their order
 */
export function once(values: readonly string[], body: (...names: string[]) => string): string {
  const named = values.map((sql) => ({ sql, name: SIMPLE.test(sql) ? undefined : nameOf(sql) }));
  const held = new Map(named.flatMap(({ sql, name }) => (name === undefined ? [] : [[name, sql] as const])));
  if (held.size === 0) return body(...values);
  const row = `row_${[...held.keys()].join('_')}`;
  const fields = [...held].map(([name, sql]) => `${name} := ${sql}`).join(', ');
  const names = named.map(({ sql, name }) => (name === undefined ? sql : `${row}.${name}`));
  return `list_transform([struct_pack(${fields})], lambda ${row}: ${body(...names)})[1]`;
}

/** The same for the same SQL: expressions are known to be equal by theirs. */
const nameOf = (sql: string): string => `v${createHash('sha256').update(sql).digest('hex').slice(0, 12)}`;
