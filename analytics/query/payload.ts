import { type DeclaredColumns, areMany, fittingSql } from './declaredFields';
import { type Path, extractSql, mayIndex, pointerOf, structureOf } from './payloadStructure';
import { jsonField } from './scope';
import { call, quote } from './types';
import { type Field, selectWide, separateWide } from './widePayload';

/** The fields that a query reads from the payloads of one input. Each is a column of its batches. */
export interface PayloadFields {
  /** the column of a path, by its case-insensitive names */
  column: (path: Path) => string;
  /** the column of the whole payload */
  whole: () => string;
  /** notes that the query reads a column of the metadata */
  readMetadata: (column: string) => void;
  /** the number of fields */
  count: () => number;
  /** the columns that CREATE TABLE gives to the input */
  declared: DeclaredColumns;
  /** the names that each whole payload has */
  always: readonly string[];
  /**
   * SQL over rows with `event` (JSON): the same rows with additional columns.
   *
   * @param sampled whether the metadata is also read from the payload
   */
  select: (rows: string, sampled?: boolean) => string;
  /**
   * The same with the metadata in the payloads. `event` is the text of an object, or NULL. Each payload is parsed only
   * once, and malformed JSON raises an error.
   *
   * @param time column of a field that only the time of the event is read from. It becomes a TIMESTAMP
   * @param names of the metadata in the payloads
   */
  selectObjects: (rows: string, time?: string, names?: MetadataNames) => string;
  /** Notes the statements that read `kept`: a field that they do not name, such as that of TIMESTAMP BY, is not kept. */
  readBy: (statements: readonly string[]) => void;
  /** whether the query reads a column after the events have their times, or CREATE TABLE checks it */
  isKept: (column: string) => boolean;
  /** whether the query reads whole payloads */
  readsWhole: () => boolean;
  /** SQL of the columns that the query reads after the events have their times, of `table` */
  kept: (table: string) => string;
  /**
   * SQL of `select`'s rows: `event` becomes NULL if it does not fit CREATE TABLE, and a whole payload that is read has
   * the types of CREATE TABLE.
   */
  fitting: (rows: string) => string;
}

/** Columns that the time policies need, and those that only some queries read. */
const NEEDED_METADATA = ['enqueued', 'partition_id', '__seq', 'timed'];
const OTHER_METADATA = [
  'processed',
  'device_id',
  'message_id',
  'correlation_id',
  'generation_id',
  'properties',
];

/** The properties of an IoT hub's event, by lower-case name. */
const PROPERTIES = ['eventenqueuedutctime', 'eventprocessedutctime', 'partitionid', 'iothub'];

export const isMetadataColumn = (column: string): boolean =>
  NEEDED_METADATA.includes(column) || OTHER_METADATA.includes(column);

/** A field of a sample with IoT Hub's metadata, and its column. */
interface Sampled {
  path: Path;
  column: string;
  /** the macro that converts the value */
  convert: string;
  /** the same for the text of the value, where no other value than a text can give a result by its text */
  convertText?: string;
  /** SQL of what an event without the field has */
  absent?: string;
}

const iotHubText = (field: string, column: string): Sampled => ({
  path: ['IoTHub', field],
  column,
  convert: 'asa_nvarchar',
});

/** Names of the metadata that each query reads. */
export const NEEDED_NAMES: readonly string[] = ['EventEnqueuedUtcTime', 'PartitionId'];

/** How {@link NEEDED_NAMES} are written in a file. */
export type MetadataNames = 'absent' | 'exact' | 'any case';

/** `$now` is the time of reading, also of events without an enqueued time (`sent`). */
const SAMPLED: readonly Sampled[] = [
  {
    path: ['EventEnqueuedUtcTime'],
    column: 'sent',
    convert: 'asa_datetime',
    convertText: 'asa_text_datetime',
  },
  {
    path: ['EventProcessedUtcTime'],
    column: 'processed',
    convert: 'asa_datetime',
    absent: '$now',
  },
  { path: ['PartitionId'], column: 'partition_id', convert: 'asa_bigint' },
  iotHubText('ConnectionDeviceId', 'device_id'),
  iotHubText('MessageId', 'message_id'),
  iotHubText('CorrelationId', 'correlation_id'),
  iotHubText('ConnectionDeviceGenerationId', 'generation_id'),
];
/** What an event without {@link NEEDED_NAMES} has. */
const NO_METADATA = 'CAST(NULL AS TIMESTAMP) AS sent, CAST(NULL AS BIGINT) AS partition_id';
const SENT = 'coalesce(sent, $now) AS enqueued, sent IS NOT NULL AS timed, CAST(NULL AS JSON) AS properties';

/** Of the payloads of events. The properties of an input are not in each payload, although CREATE TABLE may name them. */
export const eventFields = (declared: DeclaredColumns): PayloadFields =>
  createPayloadFields(
    declared,
    [...declared].flatMap(([key, { name }]) => (PROPERTIES.includes(key) ? [] : [name])),
  );

/** Of the rows of reference data, which are read as a whole. */
export function referenceRowFields(declared: DeclaredColumns): PayloadFields {
  const fields = createPayloadFields(
    declared,
    [...declared.values()].map(({ name }) => name),
  );
  fields.whole();
  return fields;
}

function createPayloadFields(declared: DeclaredColumns, always: readonly string[]): PayloadFields {
  const fields = new Map<string, Field>();
  const metadata = new Set(NEEDED_METADATA);
  let whole = false;
  let isRead: (column: string) => boolean = () => true;
  const column = (path: Path): string => {
    const key = path.join('\0').toLowerCase();
    const known = fields.get(key) ?? { path, column: `field_${fields.size + 1}` };
    fields.set(key, known);
    return known.column;
  };
  if (!areMany(declared)) for (const { name } of declared.values()) column([name]);
  /** Reads a field whose name may be in the text in another case, or with escapes. */
  const otherName = (path: Path): { isNamed: string; test: string; sql: string } => {
    const isNamed = `contains(lower(CAST(event AS VARCHAR)), ${quote(`"${(path.at(-1) ?? '').toLowerCase()}"`)})`;
    return {
      isNamed,
      test: `${isNamed} OR contains(CAST(event AS VARCHAR), '\\')`,
      sql: jsonField('event', path).sql,
    };
  };
  /** SQL of a column of the metadata. Its names are matched as those of the payload, but they have no escapes. */
  const sampledSql = (
    { path, column, convert, absent }: Sampled,
    value: string,
    otherNames: boolean,
    convertFound = convert,
  ): string => {
    const { isNamed, sql } = otherName(path);
    const other = otherNames ? ` WHEN ${isNamed} THEN ${call(convert)(sql)}` : '';
    const read = `CASE WHEN ${value} IS NOT NULL THEN ${convertFound}(${value})${other} END`;
    return `${absent === undefined ? read : `coalesce(${read}, ${absent})`} AS ${column}`;
  };
  /** The fields that are read one by one, among them the records of the others. */
  const separated = (time?: string): { all: Field[]; withWide: (rows: string) => string } => {
    const { wide, others } = separateWide([...fields.values()], time);
    const records = wide.map(({ path }) => (path.length === 0 ? 'event' : column(path)));
    const known = new Set(others.map((one) => one.column));
    const added = [...fields.values()].filter(
      (one) => records.includes(one.column) && !known.has(one.column),
    );
    return { all: [...others, ...added], withWide: (rows) => selectWide(rows, wide, records) };
  };
  const sampledColumns = (): Sampled[] =>
    SAMPLED.filter(({ column }) => column === 'sent' || metadata.has(column));
  return {
    column,
    whole: () => {
      whole = true;
      return 'event';
    },
    count: () => Math.max(fields.size, declared.size),
    declared,
    always,
    readMetadata: (one) => metadata.add(one),
    select: (rows, sampled = false) => {
      const { all, withWide } = separated();
      const own = sampled ? sampledColumns() : [];
      const first = own.length + 1;
      const found = all.map(({ path, column }, i) => {
        const { test, sql } = otherName(path);
        if (mayIndex(path)) return `${sql} AS ${column}`;
        return `CASE WHEN found[${first + i}] IS NOT NULL THEN asa_present(found[${first + i}]) WHEN ${test} THEN ${sql} END AS ${column}`;
      });
      const paths = [...own, ...all].map(({ path }) => path);
      if (paths.length === 0) return withWide(`SELECT * FROM (${rows})`);
      const columns = [...own.map((one, i) => sampledSql(one, `found[${i + 1}]`, true)), ...found];
      const pointers = paths.map((path) => quote(pointerOf(path)));
      const read = `SELECT *, json_extract(event, [${pointers.join(', ')}]::VARCHAR[]) AS found FROM (${rows})`;
      const selected = withWide(`SELECT * EXCLUDE (found), ${columns.join(', ')} FROM (${read})`);
      return sampled ? `SELECT *, ${SENT} FROM (${selected})` : selected;
    },
    selectObjects: (rows, time, names = 'any case') => {
      const { all, withWide } = separated(time);
      const isNeeded = ({ path }: Sampled): boolean => NEEDED_NAMES.includes(path.join('.'));
      const sampled = sampledColumns();
      // Something must be read, so that malformed JSON raises an error.
      const isAbsent = names === 'absent' && all.length > 0;
      const own = isAbsent ? sampled.filter((one) => !isNeeded(one)) : sampled;
      const readings = [
        ...own.map(({ path, convertText }) => ({ path, asText: convertText !== undefined })),
        ...all.map(({ path, column }) => ({ path, asText: column === time })),
      ];
      const structure = structureOf(readings, 'found');
      const value = (i: number): string =>
        structure.values[i] ?? extractSql('event', readings[i]?.path ?? []);
      const columns = [
        ...own.map((one, i) =>
          sampledSql(
            one,
            value(i),
            names === 'any case' || !isNeeded(one),
            structure.texts[i] === true ? one.convertText : one.convert,
          ),
        ),
        ...all.map(({ path, column }, i) => {
          const sql = value(own.length + i);
          const other = otherName(path);
          if (column !== time)
            return `CASE WHEN ${sql} IS NOT NULL THEN asa_present(${sql}) WHEN ${other.test} THEN ${other.sql} END AS ${column}`;
          const datetime = structure.texts[own.length + i] === true ? 'asa_text_datetime' : 'asa_datetime';
          return `CASE WHEN ${sql} IS NOT NULL THEN ${datetime}(${sql}) WHEN ${other.test} THEN asa_datetime(${other.sql}) END AS ${column}`;
        }),
        ...(isAbsent ? [NO_METADATA] : []),
      ];
      const read = `SELECT *, json_transform(event, ${structure.sql}) AS found FROM (${rows})`;
      const selected = withWide(`SELECT * EXCLUDE (found), ${columns.join(', ')} FROM (${read})`);
      return `SELECT *, ${SENT} FROM (${selected})`;
    },
    isKept: (column) => declared.size > 0 || isRead(column),
    readsWhole: () => whole,
    readBy: (statements) => {
      const named = new Set(statements.flatMap((sql) => sql.match(/\bfield_\d+\b/g) ?? []));
      isRead = (column) => named.has(column);
    },
    kept: (table) =>
      [
        ...metadata,
        ...[...fields.values()].map((one) => one.column).filter((column) => isRead(column)),
        ...(whole ? ['event'] : []),
      ]
        .map((column) => `${table}.${column}`)
        .join(', '),
    fitting: (rows) => fittingSql(rows, declared, (field) => column([field]), whole ? always : undefined),
  };
}
