import type { Position } from './ast';
import { once } from './once';
import { QueryError } from './queryError';
import { type Typed, name, quote, toJson, typeName } from './types';

/** A column of a step or of a result. Rows of a `*` are JSON objects in one column. */
export interface Column {
  kind: 'column' | 'star';
  /** as in the query; of a star, its place */
  name: string;
  type: Typed['type'];
}

/** One name in FROM or JOIN and what can be read under it. */
export interface Binding {
  alias: string;
  /** NULL-free time of a row; undefined for reference data */
  timestamp: string | undefined;
  field: (path: readonly string[], at: Position) => Typed;
  /** the whole row as a JSON object */
  star: string;
  metadata: (path: readonly string[], at: Position) => Typed;
}

export interface Scope {
  /** resolves a dotted path, with or without the alias in front @throws {QueryError} */
  field: (path: readonly string[], at: Position) => Typed;
  binding: (alias: string, at: Position) => Binding;
  /** without a name: the only one there is */
  find: (alias: string | undefined) => Binding | undefined;
  bindings: readonly Binding[];
  timestamp: string;
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export function createScope(bindings: readonly Binding[]): Scope {
  const find = (alias: string | undefined): Binding | undefined =>
    alias === undefined && bindings.length === 1
      ? bindings[0]
      : bindings.find((binding) => alias !== undefined && same(binding.alias, alias));
  return {
    bindings,
    find,
    timestamp: bindings.find(({ timestamp }) => timestamp !== undefined)?.timestamp ?? 'NULL',
    binding: (alias, at) => {
      const found = find(alias);
      if (!found) throw new QueryError(`there is no input or step '${alias}' in this FROM`, at);
      return found;
    },
    field: (path, at) => {
      const own = path.length > 1 ? find(path[0]) : undefined;
      if (own) return own.field(path.slice(1), at);
      const [only, second] = bindings;
      if (!only || second)
        throw new QueryError(
          `'${path.join('.')}' is ambiguous: put the name of its input in front (${bindings.map(({ alias }) => alias).join(', ')})`,
          at,
        );
      return only.field(path, at);
    },
  };
}

/** Walks into a record whose shape only the event knows. */
export function jsonField(json: string, path: readonly string[]): Typed {
  return {
    sql: path.reduce(
      (outer, part) => once([outer], (record) => `asa_field(${record}, ${quote(part)})`),
      json,
    ),
    type: 'any',
  };
}

/** The properties of an IoT Hub input that are no part of the payload, by lower-case name. */
const METADATA: Readonly<Record<string, Typed>> = {
  eventenqueuedutctime: { sql: 'enqueued', type: 'datetime' },
  eventprocessedutctime: { sql: 'processed', type: 'datetime' },
  partitionid: { sql: 'partition_id', type: 'bigint' },
  'iothub.messageid': { sql: 'message_id', type: 'nvarchar' },
  'iothub.correlationid': { sql: 'correlation_id', type: 'nvarchar' },
  'iothub.connectiondeviceid': { sql: 'device_id', type: 'nvarchar' },
  'iothub.connectiondevicegenerationid': { sql: 'generation_id', type: 'nvarchar' },
  'iothub.enqueuedtime': { sql: 'enqueued', type: 'datetime' },
  'iothub.streamid': { sql: 'CAST(NULL AS VARCHAR)', type: 'nvarchar' },
};

/** The fields that a query reads of the payloads of one input, each a column of its batches. */
export interface PayloadFields {
  /** the column of a path, by its case-insensitive names */
  column: (path: readonly string[]) => string;
  /** the column of the whole payload */
  whole: () => string;
  /** SQL over rows with `event`: the same rows with the columns beside theirs */
  select: (rows: string) => string;
  /** The same by the names as the query writes them, which is quick. `odd` marks the rows where others may be meant. */
  selectExact: (rows: string) => string;
  /** SQL of the columns that the query reads, of `table` */
  kept: (table: string) => string;
}

const METADATA_COLUMNS = [
  ...['enqueued', 'processed', 'partition_id', '__seq', 'device_id', 'message_id', 'correlation_id'],
  ...['generation_id', 'properties'],
];

export function createPayloadFields(): PayloadFields {
  const fields = new Map<string, { path: readonly string[]; column: string }>();
  let whole = false;
  const columns = (): string[] => [...fields.values()].map(({ column }) => column);
  return {
    column: (path) => {
      const key = path.join('\0').toLowerCase();
      const known = fields.get(key) ?? { path, column: `field_${fields.size + 1}` };
      fields.set(key, known);
      return known.column;
    },
    whole: () => {
      whole = true;
      return 'event';
    },
    select: (rows) => {
      const found = [...fields.values()].map(
        ({ path, column }) => `${jsonField('event', path).sql} AS ${column}`,
      );
      return `SELECT *, ${[...found, 'false AS odd'].join(', ')} FROM (${rows})`;
    },
    selectExact: (rows) => {
      const all = [...fields.values()];
      const pointers = all.map(({ path }) => quote(pointerOf(path)));
      const found = all.map(({ column }, i) => `asa_present(found[${i + 1}]) AS ${column}`);
      // A name in another case stands in the text in any case; or it is written with escapes.
      const others = all.map(
        ({ path }, i) =>
          `CASE WHEN found[${i + 1}] IS NULL THEN contains(lowered, ${quote(`"${(path.at(-1) ?? '').toLowerCase()}"`)}) OR contains(lowered, '\\') ELSE false END`,
      );
      const odd = ["coalesce(json_type(event) <> 'OBJECT', true)", ...others].join(' OR ');
      const read = `SELECT *, json_extract(event, [${pointers.join(', ')}]::VARCHAR[]) AS found, lower(CAST(event AS VARCHAR)) AS lowered FROM (${rows})`;
      return `SELECT * EXCLUDE (found, lowered), ${[...found, `${odd} AS odd`].join(', ')} FROM (${read})`;
    },
    kept: (table) =>
      [...METADATA_COLUMNS, ...columns(), ...(whole ? ['event'] : [])]
        .map((column) => `${table}.${column}`)
        .join(', '),
  };
}

/** A JSON pointer. */
const pointerOf = (path: readonly string[]): string =>
  path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** An input of events: any field may be there, and IoT Hub's metadata is. */
export function streamBinding(
  alias: string,
  fields: PayloadFields,
  { table = name(alias), timestamp = '__ts' } = {},
): Binding {
  const of = (sql: string): string => (/^[a-z_]+$/.test(sql) ? `${table}.${sql}` : sql);
  const record = (fields: readonly (readonly [string, string])[]): string =>
    `json_object(${fields.map(([key, known]) => `${quote(key)}, ${toJson(known_(known))}`).join(', ')})`;
  const known_ = (key: string): Typed => {
    const { sql, type } = METADATA[key] ?? { sql: 'NULL', type: 'null' };
    return { sql: of(sql), type };
  };
  const iotHub = record([
    ['MessageId', 'iothub.messageid'],
    ['CorrelationId', 'iothub.correlationid'],
    ['ConnectionDeviceId', 'iothub.connectiondeviceid'],
    ['ConnectionDeviceGenerationId', 'iothub.connectiondevicegenerationid'],
    ['EnqueuedTime', 'iothub.enqueuedtime'],
    ['StreamId', 'iothub.streamid'],
  ]);
  const metadata = (path: readonly string[]): Typed | undefined => {
    const key = path.join('.').toLowerCase();
    if (key === 'iothub') return { sql: iotHub, type: 'record' };
    return key in METADATA ? known_(key) : undefined;
  };
  return {
    alias,
    timestamp: of(timestamp),
    get star() {
      return `asa_merge(${table}.${fields.whole()}, json_object('EventProcessedUtcTime', ${toJson(known_('eventprocessedutctime'))}, 'PartitionId', ${toJson(known_('partitionid'))}, 'EventEnqueuedUtcTime', ${toJson(known_('eventenqueuedutctime'))}, 'IoTHub', ${iotHub}))`;
    },
    field: (path) => metadata(path) ?? { sql: `${table}.${fields.column(path)}`, type: 'any' },
    metadata: (path, at) => {
      const found = metadata(path);
      if (found) return found;
      if (path.length === 2 && path[0]?.toLowerCase() === 'user') {
        const property = asa(`asa_field(${of('properties')}, ${quote(path[1] ?? '')})`);
        return { sql: property, type: 'nvarchar' };
      }
      throw new QueryError(
        `GetMetadataPropertyValue: IoT Hub events have no property '${path.join('.')}'`,
        at,
      );
    },
  };
}

const asa = (json: string): string => `asa_nvarchar(${json})`;

/** What a query reads of one set of reference data: these become columns of a table when a snapshot is loaded. */
export interface ReferenceUse {
  /** as the query names the input */
  name: string;
  /** top-level fields by lower-case name, as the query writes them */
  fields: Map<string, string>;
  /** whether `*` asks for whole rows */
  wholeRows: boolean;
}

/** Reference data: a record with any fields and no time. */
export function referenceBinding(alias: string, use: ReferenceUse): Binding {
  return {
    alias,
    timestamp: undefined,
    get star() {
      use.wholeRows = true;
      return `${name(alias)}.event`;
    },
    field: ([first = '', ...rest]) => {
      use.fields.set(first.toLowerCase(), use.fields.get(first.toLowerCase()) ?? first);
      return jsonField(`${name(alias)}.${name(referenceColumn(first))}`, rest);
    },
    metadata: (_, at) => {
      throw new QueryError('GetMetadataPropertyValue does not read reference data', at);
    },
  };
}

export const referenceColumn = (field: string): string => `field_${field.toLowerCase()}`;

/** A WITH step: its columns are known, except what a `*` brings. */
export function stepBinding(alias: string, step: string, columns: readonly Column[]): Binding {
  const of = (column: Column): Typed => ({ sql: `${name(alias)}.${name(column.name)}`, type: column.type });
  const stars = columns.filter(({ kind }) => kind === 'star');
  return {
    alias,
    timestamp: `${name(alias)}.__ts`,
    star: columns
      .map((column) =>
        column.kind === 'star' ? of(column).sql : `json_object(${quote(column.name)}, ${toJson(of(column))})`,
      )
      .reduce((merged, part) => `asa_merge(${merged}, ${part})`),
    field: (path, at) => {
      const [first = '', ...rest] = path;
      const column = columns.find((one) => one.kind === 'column' && same(one.name, first));
      if (column) {
        const whole = of(column);
        if (rest.length === 0) return whole;
        if (whole.type === 'any' || whole.type === 'record') return jsonField(whole.sql, rest);
        throw new QueryError(`'${first}' is ${typeName(whole.type)}, not a record`, at);
      }
      if (stars.length === 0) throw new QueryError(`the step '${step}' has no column '${first}'`, at);
      const found = stars.map((star) => jsonField(of(star).sql, path).sql);
      return { sql: found.length === 1 ? (found[0] ?? '') : `coalesce(${found.join(', ')})`, type: 'any' };
    },
    metadata: (_, at) => {
      throw new QueryError('GetMetadataPropertyValue reads an input, not a WITH step', at);
    },
  };
}
