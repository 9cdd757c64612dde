import type { ReferenceUse } from './bindings';
import type { Position } from './ast';
import type { PayloadFields } from './payload';
import type { Column } from './scope';
import { name } from './types';
import type { FunctionUse } from './userFunctions';

/** Events of one input with a time of their own: one for each TIMESTAMP BY that the query has on it. */
export interface StreamSource {
  /** as the query names the input */
  input: string;
  /** table that holds a batch of its events */
  table: string;
  /** the fields that are read of the payloads of its input */
  fields: PayloadFields;
  /** SQL of TIMESTAMP BY over the raw events (`raw`); undefined: the time when the event was enqueued */
  timestamp: string | undefined;
  /** SQL over `raw` of the value whose events have a timeline of their own (TIMESTAMP BY … OVER) */
  timeline: string | undefined;
  at: Position;
}

/** A table that depends only on the rows of the current batch. */
export interface PlainNode {
  kind: 'plain';
  /** table of its result, which each batch replaces */
  table: string;
  sql: string;
  /** the sources that it depends on */
  sources: readonly StreamSource[];
  at: Position;
}

/** Rows that are kept from batch to batch. */
export interface Kept {
  table: string;
  /** the rows of this batch, with `__ts` and `__seq` */
  sql: string;
  /** a row is needed until this long after its time, µs */
  spanUs: number;
  /** the kept rows with equal ones of all batches made one (`__n`); undefined where each stands for itself */
  collapseSql: string | undefined;
  /** the rows that are still needed after `$until`; only set if `spanUs` does not determine them */
  retainSql: string | undefined;
}

/** A table that also depends on earlier rows: windows, joins of streams, LAG. */
export interface TemporalNode {
  kind: 'temporal';
  table: string;
  kept: readonly Kept[];
  /** the rows with a time after `$from` and not after `$to` (TIMESTAMP) */
  sql: string;
  /** times of rows are multiples of this after 0001-01-01 and the offset, µs; 0: any time */
  hopUs: number;
  offsetUs: number;
  /** how far the times of its rows stay behind those of the sources, µs */
  delayUs: number;
  sources: readonly StreamSource[];
  at: Position;
}

export type PlanNode = PlainNode | TemporalNode;

/** A planned query: a table, once its nodes have run. */
export interface Relation {
  table: string;
  columns: readonly Column[];
  sources: readonly StreamSource[];
  delayUs: number;
  /** the number of elements of `__row`, which orders rows of one event; undefined if it differs */
  rowLength: number | undefined;
  /** whether its rows are in the order of time if the events of its sources are */
  keepsOrder: boolean;
  /** whether the rows of a batch are later than those of the batches before, if the events of the batches are */
  ascends: boolean;
}

export interface Output {
  /** as INTO names it; `output` without one */
  name: string;
  table: string;
  columns: readonly Column[];
  /** each row as one JSON text (`row`), in the order of time */
  rowsSql: string;
  /** the same of another table with the same columns */
  rowsSqlOf: (table: string) => string;
  /** the same without sorting, for events that are in the order of time; undefined if the query disorders them */
  unsortedSql?: string | undefined;
  /** whether the rows of a batch are later than those of the batches before, if the events of the batches are */
  ascends: boolean;
  at: Position;
}

/** A query in DuckDB: tables that each batch of events fills in this order. */
export interface Plan {
  sources: readonly StreamSource[];
  references: readonly ReferenceUse[];
  /** functions that are not SQL */
  functions: readonly FunctionUse[];
  nodes: readonly PlanNode[];
  outputs: readonly Output[];
}

/** Table of reference data: `valid_from`, `valid_to` (exclusive), a column for each field in use, `event` for `*`. */
export const referenceTable = (reference: string): string => `reference_${reference.toLowerCase()}`;

/** How long before the rows that a node emits their reference data is valid, µs, because it joins it with kept rows. */
export const referenceSpanUs = ({ sql, kept }: TemporalNode, references: readonly ReferenceUse[]): number =>
  references.some((one) => sql.includes(name(referenceTable(one.name))))
    ? Math.max(0, ...kept.map(({ spanUs }) => spanUs))
    : 0;

/** SQL: whether a temporal node must emit rows for a time. */
export const isDue = (time: string): string => `${time} > $from AND ${time} <= $to`;
