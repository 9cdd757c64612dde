import type { Position } from './ast';
import type { Column, PayloadFields, ReferenceUse } from './scope';

/** Events of one input with a time of their own: one for each TIMESTAMP BY that the query has on it. */
export interface StreamSource {
  /** as the query names the input */
  input: string;
  /** temporary table that holds a batch of its events */
  table: string;
  /** the fields that are read of the payloads of its input */
  fields: PayloadFields;
  /** SQL of TIMESTAMP BY over the raw events (`raw`); undefined: the time when the event was enqueued */
  timestamp: string | undefined;
  at: Position;
}

/** A SELECT without a window: the rows of this batch alone decide its result. */
export interface PlainSelect {
  kind: 'plain';
  /** the input of events that it stems from */
  input: string;
  /** table that its result is put into, replaced at each batch */
  table: string;
  sql: string;
  columns: readonly Column[];
  at: Position;
}

/** A SELECT with GROUP BY: rows are kept until the windows that hold them have closed. */
export interface GroupedSelect {
  kind: 'grouped';
  input: string;
  table: string;
  /** table of the kept rows */
  keptTable: string;
  /** rows of this batch as they are kept: `__ts`, `__seq`, how many they stand for (`__n`), keys, arguments of aggregates */
  keepSql: string;
  /** the kept rows with equal ones of all batches made one; undefined where each stands for itself */
  collapseSql: string | undefined;
  /** groups of the windows that end after `$from` and not after `$to` (TIMESTAMP) */
  sql: string;
  /** a row is needed until this long after its time, µs */
  spanUs: number;
  /** windows end at multiples of this after 0001-01-01 and the offset, µs; 0: at any time */
  hopUs: number;
  offsetUs: number;
  columns: readonly Column[];
  at: Position;
}

export type PlannedSelect = PlainSelect | GroupedSelect;

export interface Output {
  /** as INTO names it; `output` without one */
  name: string;
  input: string;
  table: string;
  columns: readonly Column[];
  /** each row as one JSON text (`row`), in the order of time */
  rowsSql: string;
  at: Position;
}

/** What a query comes to in DuckDB: tables to fill in this order with each batch of events. */
export interface Plan {
  sources: readonly StreamSource[];
  references: readonly ReferenceUse[];
  selects: readonly PlannedSelect[];
  outputs: readonly Output[];
}

/** Table of reference data: `valid_from`, `valid_to` (exclusive), a column for each field in use, `event` for `*`. */
export const referenceTable = (reference: string): string => `reference_${reference.toLowerCase()}`;
