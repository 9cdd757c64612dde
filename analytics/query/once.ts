import { createHash } from 'node:crypto';

/** A column, a parameter of a lambda, or a literal, which is cheap to evaluate repeatedly. */
const SIMPLE =
  /^(?:(?:"(?:[^"]|"")*"|\w+)(?:\.(?:"(?:[^"]|"")*"|\w+))?|'(?:[^']|'')*'|CAST\('[\d.eE+-]+' AS \w+\))$/;

/**
 * SQL that uses values several times but contains and evaluates them once. Macros would repeat their arguments at each
 * place, so nested expressions would grow exponentially.
 *
 * @param body creates the SQL from the names of the values, in order
 */
export function once(values: readonly string[], body: (...names: string[]) => string): string {
  const named = values.map((sql) => ({ sql, name: SIMPLE.test(sql) ? undefined : nameOf(sql) }));
  const held = new Map(named.flatMap(({ sql, name }) => (name === undefined ? [] : [[name, sql] as const])));
  if (held.size === 0) return body(...values);
  const row = `row_${[...held.keys()].join('_')}`;
  const order = [...held.keys()];
  // Unnamed fields: a LATERAL join with a macro in it loses the names (DuckDB 1.5).
  const names = named.map(({ sql, name }) =>
    name === undefined ? sql : `${row}[${order.indexOf(name) + 1}]`,
  );
  return `list_transform([row(${[...held.values()].join(', ')})], lambda ${row}: ${body(...names)})[1]`;
}

/** The name is derived from the SQL, because equal expressions are recognized by equal SQL. */
const nameOf = (sql: string): string => `v${createHash('sha256').update(sql).digest('hex').slice(0, 12)}`;
