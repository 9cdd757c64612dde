import type { Position } from './ast';
import { type DeclaredColumns, orNulls } from './declaredFields';
import { once } from './once';
import { type PayloadFields, isMetadataColumn } from './payload';
import { QueryError } from './queryError';
import {
  type Binding,
  type Column,
  type Projected,
  type ReadField,
  jsonField,
  recordSql,
  refuseMetadata,
  same,
} from './scope';
import { type Typed, convert, name, quote, toJson, typeName } from './types';

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

/**
 * Properties that GetMetadataPropertyValue alone reads. A property that neither an IoT hub's message nor a file
 * contains is null, as in a test of the portal ("it will return empty results", GetMetadataPropertyValue).
 */
const ADAPTER_PROPERTIES: Readonly<Record<string, string>> = {
  'eventhub.eventenqueuedutctime': 'eventenqueuedutctime',
  'eventhub.eventprocessedutctime': 'eventprocessedutctime',
  'eventhub.partitionid': 'partitionid',
  'eventhub.iotconnectiondeviceid': 'iothub.connectiondeviceid',
  'eventhub.iotauthgenerationid': 'iothub.connectiondevicegenerationid',
  'eventhub.iotenqueuetime': 'iothub.enqueuedtime',
  'iothub.authgenerationid': 'iothub.connectiondevicegenerationid',
  'iothub.enqueuetime': 'iothub.enqueuedtime',
  ...Object.fromEntries(
    `EventId BlobName BlobLastModifiedUtcTime EventHub.Offset EventHub.SequenceNumber EventHub.PartitionKey
     EventHub.Publisher EventHub.IoTAuthMethod EventHub.IoTMessageSource EventHub.IoTConnectionModuleId
     EventHub.IoTInterfaceName IoTHub.AuthMethod IoTHub.MessageSource IoTHub.ConnectionModuleId IoTHub.InterfaceName`
      .toLowerCase()
      .split(/\s+/)
      .map((property) => [property, 'iothub.streamid']),
  ),
};

const IOT_HUB_FIELDS = [
  'MessageId',
  'CorrelationId',
  'ConnectionDeviceId',
  'ConnectionDeviceGenerationId',
  'EnqueuedTime',
  'StreamId',
] as const;

/** The column that `*` gives. @param always names that each of its records has, also without a match of a left join */
const starOf = (record: string, always: readonly string[]): Projected => ({
  column: { kind: 'star', name: '*', type: 'record', ...(always.length > 0 ? { always } : {}) },
  sql: orNulls(record, always),
});

/** An input of events: any field may be there, and IoT Hub's metadata. */
export function streamBinding(
  alias: string,
  fields: PayloadFields,
  { table = name(alias), timestamp = '__ts' } = {},
): Binding {
  const of = (sql: string): string => {
    if (!/^[a-z_]+$/.test(sql)) return sql;
    if (isMetadataColumn(sql)) fields.readMetadata(sql);
    return `${table}.${sql}`;
  };
  const known = (key: string): Typed => {
    const { sql, type } = METADATA[key] ?? { sql: 'NULL', type: 'null' };
    return { sql: of(sql), type };
  };
  const pairs = (names: readonly string[], prefix = ''): string =>
    names.map((one) => `${quote(one)}, ${toJson(known((prefix + one).toLowerCase()))}`).join(', ');
  const iotHub = (): string => `json_object(${pairs(IOT_HUB_FIELDS, 'iothub.')})`;
  const metadata = (path: readonly string[]): Typed | undefined => {
    const key = path.join('.').toLowerCase();
    if (key === 'iothub') return { sql: iotHub(), type: 'record' };
    return key in METADATA ? known(key) : undefined;
  };
  // An event without metadata, for example from a file, has only its own fields.
  const whole = (): string =>
    once(
      [`${table}.${fields.whole()}`],
      (event) =>
        `CASE WHEN ${of('timed')} THEN asa_merge(${event}, json_object(${pairs(['EventProcessedUtcTime', 'PartitionId', 'EventEnqueuedUtcTime'])}, 'IoTHub', ${iotHub()})) ELSE ${event} END`,
    );
  return {
    alias,
    timestamp: of(timestamp),
    star: () => [starOf(whole(), fields.always)],
    record: whole,
    field: (path, at) => {
      const found = metadata(path);
      if (found) return found;
      const [first = '', ...rest] = path;
      const declared = fields.declared.get(first.toLowerCase());
      if (declared === undefined) return { sql: `${table}.${fields.column(path)}`, type: 'any' };
      const value: Typed = { sql: `${table}.${fields.column([first])}`, type: 'any' };
      const typed = { sql: convert(value, declared.type, at), type: declared.type };
      return rest.length === 0 ? typed : memberOf(typed, first, rest, at);
    },
    metadata: (path, at) => {
      const key = path.join('.').toLowerCase();
      const found =
        metadata(path) ?? (key in ADAPTER_PROPERTIES ? known(ADAPTER_PROPERTIES[key] ?? '') : undefined);
      if (found) return found;
      if (key === 'eventhub')
        return {
          sql: `json_object(${pairs(['EventEnqueuedUtcTime', 'EventProcessedUtcTime', 'PartitionId'])})`,
          type: 'record',
        };
      if (key === 'user') return { sql: `asa_record(${of('properties')})`, type: 'record' };
      if (path.length === 2 && path[0]?.toLowerCase() === 'user') {
        const property = `asa_nvarchar(asa_field(${of('properties')}, ${quote(path[1] ?? '')}))`;
        return { sql: property, type: 'nvarchar' };
      }
      throw new QueryError(
        `GetMetadataPropertyValue: IoT Hub events have no property '${path.join('.')}'`,
        at,
      );
    },
  };
}

/** A field of a value that is known to be a record, or that may be one. */
function memberOf(
  value: Typed,
  called: string,
  path: readonly string[],
  at: Position,
  read = (): Typed => jsonField(value.sql, path),
): Typed {
  if (value.type === 'any' || value.type === 'record') return read();
  throw new QueryError(`'${called}' is of type ${typeName(value.type)}, which has no fields`, at);
}

/** What a query reads of one set of reference data: these become columns of a table when a snapshot is loaded. */
export interface ReferenceUse {
  /** as the query names the input */
  name: string;
  /** top-level fields by lower-case name, as the query writes them */
  fields: Map<string, string>;
  /** the columns that CREATE TABLE gives to the input */
  declared: DeclaredColumns;
  /** whether `*` asks for whole rows */
  wholeRows: boolean;
}

/** Reference data: a record with any fields and no time. */
export function referenceBinding(alias: string, use: ReferenceUse): Binding {
  const whole = (): string => {
    use.wholeRows = true;
    return `${name(alias)}.event`;
  };
  return {
    alias,
    timestamp: undefined,
    star: () => [
      starOf(
        whole(),
        [...use.declared.values()].map((one) => one.name),
      ),
    ],
    record: whole,
    field: ([first = '', ...rest], at) => {
      use.fields.set(first.toLowerCase(), use.fields.get(first.toLowerCase()) ?? first);
      const value: Typed = { sql: `${name(alias)}.${name(referenceColumn(first))}`, type: 'any' };
      const declared = use.declared.get(first.toLowerCase());
      const typed = declared ? { sql: convert(value, declared.type, at), type: declared.type } : value;
      return rest.length === 0 ? typed : memberOf(typed, first, rest, at);
    },
    metadata: (_, at) => {
      throw new QueryError(
        'GetMetadataPropertyValue can read an input of events, but not reference data',
        at,
      );
    },
  };
}

export const referenceColumn = (field: string): string => `field_${field.toLowerCase()}`;

/** A WITH step: its columns are known, except those of a `*`. */
export function stepBinding(
  alias: string,
  step: string,
  columns: readonly Column[],
  timed = true,
  read: ReadField = (table, column, path) => jsonField(`${table}.${column}`, path),
): Binding {
  const of = (column: Column): Typed => ({ sql: `${name(alias)}.${name(column.name)}`, type: column.type });
  const star = (): Projected[] =>
    columns.map((column) => ({ column, sql: orNulls(of(column).sql, column.always ?? []) }));
  const byName = new Map(
    columns
      .filter(({ kind }) => kind === 'column')
      .map((column) => [column.name.toLowerCase(), column] as const)
      .reverse(),
  );
  const member = (column: Column, path: readonly string[]): Typed =>
    read(name(alias), name(column.name), path);
  const firstStar = columns.findIndex(({ kind }) => kind === 'star');
  return {
    alias,
    timestamp: timed ? `${name(alias)}.__ts` : undefined,
    star,
    ...(firstStar === -1 ? { has: (column: string) => byName.has(column.toLowerCase()) } : {}),
    record: () => recordSql(star()),
    field: (path, at) => {
      const [first = '', ...rest] = path;
      const column = byName.get(first.toLowerCase());
      if (column && (firstStar === -1 || columns.indexOf(column) < firstStar))
        return rest.length === 0
          ? of(column)
          : memberOf(of(column), first, rest, at, () => member(column, rest));
      if (firstStar === -1) throw new QueryError(`the step '${step}' has no column '${first}'`, at);
      // The leftmost one that the event has.
      const found = columns
        .filter((one) => one.kind === 'star' || same(one.name, first))
        .map((one) => {
          if (one.kind === 'star') return member(one, path).sql;
          return toJson(
            rest.length === 0 ? of(one) : memberOf(of(one), first, rest, at, () => member(one, rest)),
          );
        });
      return { sql: found.length === 1 ? (found[0] ?? '') : `coalesce(${found.join(', ')})`, type: 'any' };
    },
    metadata: (_, at) => {
      throw new QueryError(
        'GetMetadataPropertyValue can read an input, but not a WITH step: call it in the step',
        at,
      );
    },
    readBy: (other) => stepBinding(alias, step, columns, timed, other),
  };
}

/** The two columns that APPLY adds to a row. Its record is NULL if OUTER APPLY found no element. */
export function applyBinding(alias: string, columns: readonly Column[], read: ReadField): Binding {
  const binding = stepBinding(alias, alias, columns, false, read);
  const record = (): string => `CASE WHEN ${name(alias)}.__row IS NOT NULL THEN ${binding.record()} END`;
  return { ...binding, record, metadata: refuseMetadata };
}
