import type { Query, Select, SelectQuery } from './ast';
import { same } from './scope';

/**
 * Lower-case names of the reference data: inputs and steps that are joined without a time bound and not read as
 * streams. If such a step reads an input, the input is reference data, too.
 */
export function referenceNames({ steps, statements }: Query): Set<string> {
  const bodies = new Map(steps.map(({ name, query }) => [name.toLowerCase(), query]));
  const joined = new Set<string>();
  const all = [...steps.map(({ query }) => query), ...statements].flatMap(selectsOf);
  for (const { joins } of all)
    for (const one of joins)
      if (one.kind === 'join' && !one.source.query && !one.source.timestampBy) {
        const alias = one.source.alias ?? one.source.name;
        if (!namesInDateDiff(one.on, alias)) joined.add(one.source.name.toLowerCase());
      }
  // Inputs and steps in FROM of a statement, or of a step that is a stream, are streams.
  const streams = new Set<string>();
  const isStream = (name: string): void => {
    const key = name.toLowerCase();
    if (streams.has(key)) return;
    streams.add(key);
    const body = bodies.get(key);
    if (body) selectsOf(body).forEach(visit);
  };
  function visit({ from, joins }: Sources): void {
    if (!from.query) isStream(from.name);
    for (const one of joins)
      if (one.kind === 'join' && !one.source.query && !joined.has(one.source.name.toLowerCase()))
        isStream(one.source.name);
  }
  statements.flatMap(selectsOf).forEach(visit);
  for (const { name, query } of steps) if (!joined.has(name.toLowerCase())) selectsOf(query).forEach(visit);
  const names = [...joined].filter((key) => !streams.has(key));
  // A joined step is a stream if it groups, or if its input is a stream elsewhere.
  return new Set(names.filter((key) => isReference(key, bodies, streams)));
}

function isReference(
  key: string,
  bodies: ReadonlyMap<string, SelectQuery>,
  streams: ReadonlySet<string>,
): boolean {
  const body = bodies.get(key);
  if (!body) return !streams.has(key);
  if (body.kind !== 'select' || body.from.query || body.from.timestampBy) return false;
  return isReference(body.from.name.toLowerCase(), bodies, streams);
}

type Sources = Pick<Select, 'from' | 'joins'>;

/** The sources of all SELECTs of a query, including those in FROM. */
function selectsOf(query: SelectQuery): Sources[] {
  if (query.kind === 'union') return query.selects.flatMap(selectsOf);
  if (query.kind === 'match')
    return [{ from: query.source, joins: [] }, ...(query.source.query ? selectsOf(query.source.query) : [])];
  const nested = [query.from, ...query.joins.flatMap((one) => (one.kind === 'join' ? [one.source] : []))];
  return [query, ...nested.flatMap((source) => (source.query ? selectsOf(source.query) : []))];
}

function namesInDateDiff(node: unknown, alias: string): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if (
    'kind' in node &&
    node.kind === 'call' &&
    'name' in node &&
    'args' in node &&
    Array.isArray(node.args)
  ) {
    const bare = (arg: { kind: string; path?: string[] }): boolean =>
      arg.kind === 'path' && arg.path?.length === 1 && same(arg.path[0] ?? '', alias);
    if (String(node.name).toLowerCase() === 'datediff' && (node.args as { kind: string }[]).some(bare))
      return true;
  }
  return Object.values(node).some((one) => namesInDateDiff(one, alias));
}
