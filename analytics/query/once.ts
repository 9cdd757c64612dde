import { createHash } from 'node:crypto';

/** A column, a parameter of a lambda, or a literal, which is cheap to evaluate repeatedly. */
const SIMPLE =
  /^(?:(?:"(?:[^"]|"")*"|\w+)(?:\.(?:"(?:[^"]|"")*"|\w+))?|'(?:[^']|'')*'|CAST\('[\d.eE+-]+' AS \w+\)|to_json\(CAST\('[\d.eE+-]+' AS \w+\)\))$/;

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

/** Shorter SQL is planned in a few milliseconds. */
const LONG_SQL = 2_000;
/** A conversion that stands more often is shared. */
const MANY_USES = 4;
/** A literal, a name, or a conversion of a column. A literal or a name may look like a conversion. */
const TOKEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|\basa_(?:int|number|string|key|bigint|float|nvarchar|datetime|bit)\((?:"(?:[^"]|"")*"|\w+)(?:\.(?:"(?:[^"]|"")*"|\w+))?\)/g;

/**
 * The same SQL, in which conversions of a column are written once instead of many times, as in `a <> 1 AND a <> 2 AND …`.
 * DuckDB takes about 3 ms to plan each of them.
 */
export function shareConversions(sql: string): string {
  if (sql.length < LONG_SQL) return sql;
  const uses = new Map<string, number>();
  for (const [token] of sql.matchAll(TOKEN))
    if (token.startsWith('asa_')) uses.set(token, (uses.get(token) ?? 0) + 1);
  const shared = [...uses].flatMap(([token, count]) => (count > MANY_USES ? [token] : []));
  if (shared.length === 0) return sql;
  return once(shared, (...names) => {
    const nameOfToken = new Map(shared.map((token, i) => [token, names[i]]));
    return sql.replaceAll(TOKEN, (token) => nameOfToken.get(token) ?? token);
  });
}

/** The name is derived from the SQL, because equal expressions are recognized by equal SQL. */
const nameOf = (sql: string): string => `v${createHash('sha256').update(sql).digest('hex').slice(0, 12)}`;
