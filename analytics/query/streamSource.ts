/** Translates TIMESTAMP BY of an input of events. */

import { holdsAggregate, isAnalytic } from './aggregates';
import type { Expression, Source } from './ast';
import { streamBinding } from './bindings';
import { keyText } from './comparison';
import { createContext } from './expression';
import type { PayloadFields } from './payload';
import type { StreamSource } from './plan';
import { QueryError } from './queryError';
import { createScope } from './scope';
import { convert } from './types';

/** @param table of its batches @throws {QueryError} */
export function createSource(
  { name: input, timestampBy, over, at }: Source,
  alias: string,
  table: string,
  fields: PayloadFields,
): StreamSource {
  const scope = createScope([streamBinding(alias, fields, { table: 'raw', timestamp: 'enqueued' })]);
  const context = createContext(scope, scope.timestamp, refuseInTimestamp);
  const key = (one: Expression): string => `coalesce(${keyText(context.translate(one))}, '')`;
  const timeline = over.length > 0 ? `concat_ws(chr(31), ${over.map(key).join(', ')})` : undefined;
  if (!timestampBy) return { input, table, fields, timestamp: undefined, timeline, at };
  const value = context.translate(timestampBy);
  if (value.type === 'bigint' || value.type === 'float' || value.type === 'bit')
    throw new QueryError(
      `TIMESTAMP BY needs a datetime, not ${value.type}: convert the value, as in DATEADD(second, value, '1970-01-01T00:00:00Z')`,
      timestampBy.at,
    );
  const timestamp = convert(value, 'datetime', timestampBy.at);
  return { input, table, fields, timestamp, timeline, at: timestampBy.at };
}

/** "System.Timestamp() can't be used in TIMESTAMP BY" (TIMESTAMP BY). No event has a history before it has a time. */
function refuseInTimestamp(expression: Expression): undefined {
  if (expression.kind !== 'call') return;
  const { name: called, at } = expression;
  if (called.toLowerCase() === 'system.timestamp' || isAnalytic(expression) || holdsAggregate(expression))
    throw new QueryError(`TIMESTAMP BY cannot have ${called}: write a field of the input`, at);
}

/** Equal for equal TIMESTAMP BY, however the source is called where it stands. */
export function timestampKey(timestampBy: unknown, alias: string): string {
  return JSON.stringify(timestampBy, (key, value: unknown) => {
    if (key === 'at' || key === 'isQuoted') return undefined;
    if (key !== 'path' || !Array.isArray(value)) return value;
    const path = value.map((part) => String(part).toLowerCase());
    return path.length > 1 && path[0] === alias.toLowerCase() ? path.slice(1) : path;
  });
}
