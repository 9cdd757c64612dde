/** Translates CROSS APPLY and OUTER APPLY. */

import type { Apply } from './ast';
import { QueryError } from './queryError';
import type { Column } from './scope';
import { type Typed, structure } from './types';

const APPLY_COLUMNS = {
  getarrayelements: [
    { kind: 'column', name: 'ArrayIndex', type: 'bigint' },
    { kind: 'column', name: 'ArrayValue', type: 'any' },
  ],
  getrecordproperties: [
    { kind: 'column', name: 'PropertyName', type: 'nvarchar' },
    { kind: 'column', name: 'PropertyValue', type: 'any' },
  ],
} as const satisfies Record<string, readonly Column[]>;

/**
 * Translates the function of an APPLY: its argument, and a query of its rows that follows in a LATERAL join.
 *
 * @param column SQL of the place where the value of the argument will be
 * @throws {QueryError} for a function that returns no rows
 */
export function applySql(
  { name: called, at }: Apply,
  argument: Typed,
  column: string,
): { value: string; sql: string; columns: readonly Column[] } {
  const key = called.toLowerCase();
  // "OUTER APPLY GetElements(A.[event]) as flat" is its older name (Application Insights' export to Stream Analytics).
  if (key === 'getarrayelements' || key === 'getelements') {
    const elements = `list_transform(json_extract(${column}, '$[*]'), lambda v, i: struct_pack(v := v, i := i))`;
    return {
      value: structure(argument, 'array', at),
      sql: `SELECT CAST(e.i - 1 AS BIGINT) AS "ArrayIndex", asa_present(e.v) AS "ArrayValue", e.i AS __row FROM (SELECT unnest(${elements}) AS e)`,
      columns: APPLY_COLUMNS.getarrayelements,
    };
  }
  if (key === 'getrecordproperties') {
    const elements = `list_transform(json_keys(${column}), lambda k, i: struct_pack(k := k, v := json_extract(${column}, asa_pointer(k)), i := i))`;
    return {
      value: structure(argument, 'record', at),
      sql: `SELECT e.k AS "PropertyName", asa_present(e.v) AS "PropertyValue", e.i AS __row FROM (SELECT unnest(${elements}) AS e)`,
      columns: APPLY_COLUMNS.getrecordproperties,
    };
  }
  throw new QueryError(`APPLY takes GetArrayElements or GetRecordProperties, not ${called}`, at);
}
