import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of facts/, copied from Microsoft's sources. */
export function facts(name: string): any {
  return JSON.parse(readFileSync(join('test/infra/facts', `${name}.json`), 'utf8'));
}

export interface Limit {
  of: string;
  what: string;
  min?: number;
  max?: number;
  [sku: string]: number | string | undefined;
}
const LIMITS: readonly Limit[] = facts('limits');

export function limit(of: string, what: string): Limit {
  const found = LIMITS.find((one) => one.of === of && one.what === what);
  if (!found) throw new Error(`facts/limits.json has no ${what} of ${of}`);
  return found;
}
