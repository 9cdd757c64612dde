import type { JsonNode } from './scanJson';
import { stringAt } from './stringAt';

/**
 * Converts a node to a JavaScript value, with its listed members and elements. An array or object that was not read
 * stays empty.
 */
export function plainValue(bytes: Buffer, node: JsonNode): unknown {
  const { start, end, kind, members, elements } = node;
  if (kind === 'object') {
    const entries = [...(members ?? [])].map(([name, member]) => [name, plainValue(bytes, member)]);
    return Object.fromEntries(entries) as unknown;
  }
  if (kind === 'array') return (elements ?? []).map((element) => plainValue(bytes, element));
  if (kind === 'string') return stringAt(bytes, start, end);
  return JSON.parse(bytes.toString('utf8', start, end)) as unknown;
}
