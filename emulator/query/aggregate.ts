import { IotHubError } from '../iotHubError';
import { objectOf, type Json, type JsonObject } from '../twins';
import type { Aggregate, Path, Projection, Query } from './ast';
import { valueAt } from './evaluate';

/** The attributes of a document that a query without aggregates selects. */
export const project = (document: JsonObject, select: readonly Projection[]): JsonObject =>
  objectOf(
    select.flatMap(({ value, alias }) => {
      if (value.kind === 'aggregate') return [];
      const found = valueAt(document, value.path);
      return found === undefined ? [] : [[alias ?? value.path.at(-1) ?? '', found] as const];
    }),
  );

/** Whether a query combines several documents into one row. */
export const isAggregate = ({ select, groupBy }: Query): boolean =>
  groupBy !== null || (select ?? []).some(({ value }) => value.kind === 'aggregate');

/**
 * A row for each group of documents.
 *
 * @throws IotHubError ArgumentInvalid if the query selects an attribute other than that of GROUP BY
 */
export function aggregate(documents: Iterable<JsonObject>, { select, groupBy }: Query): JsonObject[] {
  if (!select) throw new IotHubError('ArgumentInvalid', 'SELECT * has no GROUP BY.');
  for (const { value } of select) {
    if (value.kind === 'path' && value.path.join('.') !== groupBy?.join('.')) {
      throw new IotHubError('ArgumentInvalid', `${value.path.join('.')} is not the attribute of GROUP BY.`);
    }
  }
  const groups = new Map<string, { key: Json | undefined; accumulators: Accumulator[] }>();
  for (const document of documents) {
    const key = groupBy === null ? undefined : valueAt(document, groupBy);
    const name = key === undefined ? '' : JSON.stringify(key);
    const group = groups.get(name) ?? { key, accumulators: select.map(({ value }) => accumulator(value)) };
    groups.set(name, group);
    for (const one of group.accumulators) one.add(document);
  }
  return [...groups.values()].map(({ key, accumulators }) =>
    objectOf(
      select.flatMap(({ value, alias }, index) => {
        const result = value.kind === 'path' ? key : accumulators[index]?.result();
        const name = alias ?? (value.kind === 'path' ? (value.path.at(-1) ?? '') : value.name);
        return result === undefined ? [] : [[name, result] as const];
      }),
    ),
  );
}

interface Accumulator {
  add(document: JsonObject): void;
  result(): number | undefined;
}

function accumulator(value: { readonly kind: 'path'; readonly path: Path } | Aggregate): Accumulator {
  let [count, sum, min, max] = [0, 0, Infinity, -Infinity];
  return {
    add(document) {
      if (value.kind === 'path') return;
      const found = value.path === null ? 0 : valueAt(document, value.path);
      if (value.name !== 'count' && typeof found !== 'number') return;
      count++;
      if (typeof found !== 'number') return;
      sum += found;
      min = Math.min(min, found);
      max = Math.max(max, found);
    },
    result() {
      if (value.kind === 'path') return undefined;
      if (value.name === 'count') return count;
      if (count === 0) return undefined;
      return { sum, min, max, avg: sum / count }[value.name];
    },
  };
}
