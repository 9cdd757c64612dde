import type { CastType } from './ast';
import { jsonField } from './scope';
import { quote } from './types';

/** The fields that a query reads from the payloads of one input. Each is a column of its batches. */
export interface PayloadFields {
  /** the column of a path, by its case-insensitive names */
  column: (path: readonly string[]) => string;
  /** the column of the whole payload */
  whole: () => string;
  /** the type that CREATE TABLE gives to a field */
  declared: (field: string) => CastType | undefined;
  /**
   * SQL over rows with `event` (JSON): the same rows with additional columns.
   *
   * @param sampled whether the metadata is also read from the payload
   */
  select: (rows: string, sampled?: boolean) => string;
  /** SQL of the columns that the query reads, of `table` */
  kept: (table: string) => string;
  /** SQL over `select`'s rows: whether an event does not fit CREATE TABLE; undefined without CREATE TABLE */
  misfit: () => string | undefined;
}

const METADATA_COLUMNS = [
  ...['enqueued', 'processed', 'partition_id', '__seq', 'device_id', 'message_id', 'correlation_id'],
  ...['generation_id', 'properties', 'timed'],
];

/** The fields of a sample with IoT Hub's metadata, and their columns. `$now` is the time of reading. */
const SAMPLED: readonly (readonly [pointer: string, sql: (value: string) => string])[] = [
  [
    '/EventEnqueuedUtcTime',
    (value) =>
      `coalesce(asa_datetime(${value}), $now) AS enqueued, asa_datetime(${value}) IS NOT NULL AS timed`,
  ],
  ['/EventProcessedUtcTime', (value) => `coalesce(asa_datetime(${value}), $now) AS processed`],
  ['/PartitionId', (value) => `asa_bigint(${value}) AS partition_id`],
  ['/IoTHub/ConnectionDeviceId', (value) => `asa_nvarchar(asa_present(${value})) AS device_id`],
  ['/IoTHub/MessageId', (value) => `asa_nvarchar(asa_present(${value})) AS message_id`],
  ['/IoTHub/CorrelationId', (value) => `asa_nvarchar(asa_present(${value})) AS correlation_id`],
  [
    '/IoTHub/ConnectionDeviceGenerationId',
    (value) => `asa_nvarchar(asa_present(${value})) AS generation_id, CAST(NULL AS JSON) AS properties`,
  ],
];

export function createPayloadFields(declared: ReadonlyMap<string, CastType>): PayloadFields {
  const fields = new Map<string, { path: readonly string[]; column: string }>();
  let whole = false;
  const column = (path: readonly string[]): string => {
    const key = path.join('\0').toLowerCase();
    const known = fields.get(key) ?? { path, column: `field_${fields.size + 1}` };
    fields.set(key, known);
    return known.column;
  };
  for (const field of declared.keys()) column([field]);
  return {
    column,
    whole: () => {
      whole = true;
      return 'event';
    },
    declared: (field) => declared.get(field.toLowerCase()),
    select: (rows, sampled = false) => {
      const all = [...fields.values()];
      const pointers = all.map(({ path }) => quote(pointerOf(path)));
      const metadata = sampled ? SAMPLED : [];
      const first = metadata.length + 1;
      // A name may be in the text in another case, or with escapes.
      const found = all.map(
        ({ path, column }, i) =>
          `CASE WHEN found[${first + i}] IS NOT NULL THEN asa_present(found[${first + i}])
            WHEN contains(lower(CAST(event AS VARCHAR)), ${quote(`"${(path.at(-1) ?? '').toLowerCase()}"`)}) OR contains(CAST(event AS VARCHAR), '\\')
            THEN ${jsonField('event', path).sql} END AS ${column}`,
      );
      const wanted = [...metadata.map(([pointer]) => quote(pointer)), ...pointers];
      if (wanted.length === 0) return `SELECT * FROM (${rows})`;
      const columns = [...metadata.map(([, sql], i) => sql(`found[${i + 1}]`)), ...found];
      const read = `SELECT *, json_extract(event, [${wanted.join(', ')}]::VARCHAR[]) AS found FROM (${rows})`;
      return `SELECT * EXCLUDE (found), ${columns.join(', ')} FROM (${read})`;
    },
    kept: (table) =>
      [...METADATA_COLUMNS, ...[...fields.values()].map((one) => one.column), ...(whole ? ['event'] : [])]
        .map((one) => `${table}.${one}`)
        .join(', '),
    misfit: () => {
      if (declared.size === 0) return undefined;
      const tests = [...declared].map(
        ([field, type]) => `(${column([field])} IS NOT NULL AND asa_${type}(${column([field])}) IS NULL)`,
      );
      return `(${tests.join(' OR ')})`;
    },
  };
}

/** A JSON pointer. */
const pointerOf = (path: readonly string[]): string =>
  path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
