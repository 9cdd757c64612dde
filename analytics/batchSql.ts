import type { TimePolicy } from './event';
import type { PayloadFields, StreamSource } from './query';

/** Stream Analytics: an event whose own time is more than five minutes ahead of its arrival is dropped. */
const EARLY_ARRIVAL_MINUTES = 5;

/** Events as they came. */
export const ARRIVED_SQL = `CREATE OR REPLACE TEMP TABLE arrived (body VARCHAR, enqueued_us DOUBLE, partition_id BIGINT,
  seq BIGINT, device_id VARCHAR, message_id VARCHAR, correlation_id VARCHAR, generation_id VARCHAR, properties VARCHAR)`;

/** An event's own columns beside its payload. */
const METADATA = `make_timestamp(CAST(coalesce(enqueued_us, $now_us) AS BIGINT)) AS enqueued, enqueued_us IS NOT NULL AS timed,
  make_timestamp(CAST($now_us AS BIGINT)) AS processed, partition_id, seq AS __seq, device_id, message_id, correlation_id,
  generation_id, CAST(properties AS JSON) AS properties`;

/**
 * The events with the fields that are read of them, for payloads that are each one JSON object with the names as the
 * query writes them. `odd` says where that is not so: then all of them have to be read by {@link oddPayloadsSql}.
 */
export const plainPayloadsSql = (fields: PayloadFields): string =>
  `CREATE OR REPLACE TEMP TABLE raw AS ${fields.selectExact(`SELECT TRY_CAST(body AS JSON) AS event, ${METADATA} FROM arrived`)}`;

/** As {@link plainPayloadsSql}, and: a payload may hold an array, or an object a line, and names are in any case. */
export const oddPayloadsSql = (fields: PayloadFields): string =>
  `CREATE OR REPLACE TEMP TABLE raw AS ${fields.select(`SELECT * REPLACE (CASE WHEN json_type(event) = 'OBJECT' THEN event END AS event) FROM (
    SELECT unnest(CASE
        WHEN NOT json_valid(body) THEN CASE
          WHEN len(list_filter(string_split(body, chr(10)), lambda l: trim(l) <> '' AND NOT json_valid(l))) = 0 AND trim(body) <> ''
          THEN list_transform(list_filter(string_split(body, chr(10)), lambda l: trim(l) <> ''), lambda l: CAST(l AS JSON))
          ELSE [NULL::JSON] END
        WHEN json_type(body) = 'ARRAY' THEN json_extract(body, '$[*]')
        ELSE [CAST(body AS JSON)] END) AS event, ${METADATA} FROM arrived)`)}`;

/** How many are no JSON objects, and of how many {@link plainPayloadsSql} does not tell the fields. */
export const PAYLOADS_SQL = `SELECT count(*) FILTER (event IS NULL), count(*) FILTER (odd) FROM raw`;

/**
 * The batch of one source: each event with its time, as the time policies leave it.
 *
 * `$watermark`: no event may be at or before it, since windows up to there have been told.
 */
export function sourceSql(source: StreamSource, policy: TimePolicy): string {
  const late = `to_seconds(${policy.eventsLateArrivalMaxDelayInSeconds})`;
  const outOfOrder = `to_seconds(${policy.eventsOutOfOrderMaxDelayInSeconds})`;
  const adjust = policy.eventsOutOfOrderPolicy === 'Adjust';
  return `CREATE OR REPLACE TEMP TABLE ${source.table} AS
    WITH own AS (SELECT rowid AS row, __seq AS seq, coalesce(partition_id, 0) AS partition, enqueued, timed,
      ${source.timestamp ?? 'raw.enqueued'} AS own_time FROM raw WHERE event IS NOT NULL),
    punctual AS (SELECT *, CASE
        WHEN timed AND own_time > enqueued + INTERVAL '${EARLY_ARRIVAL_MINUTES} minutes' THEN NULL
        WHEN timed AND own_time < enqueued - ${late} THEN ${adjust ? `enqueued - ${late}` : 'NULL'}
        ELSE own_time END AS punctual_time FROM own),
    ordered AS (SELECT punctual.*, CASE WHEN timed THEN greatest(
        max(punctual_time) OVER (PARTITION BY punctual.partition ORDER BY seq ROWS UNBOUNDED PRECEDING) - ${outOfOrder},
        progress.latest - ${outOfOrder}, $watermark) END AS least_time
      FROM punctual LEFT JOIN progress_${source.table} AS progress ON progress.partition_id = punctual.partition)
    SELECT ${source.fields.kept('raw')}, raw.timed,
      own_time IS NULL AS untimed,
      punctual_time IS NULL AND own_time > ordered.enqueued AS early,
      raw.timed AND (punctual_time IS DISTINCT FROM own_time OR punctual_time < least_time) AND own_time IS NOT NULL
        AND NOT (punctual_time IS NULL AND own_time > ordered.enqueued) AS late,
      CASE WHEN punctual_time < least_time THEN ${adjust ? 'least_time' : 'NULL'} ELSE punctual_time END AS __ts, 0 AS __row
    FROM raw JOIN ordered ON ordered.row = raw.rowid`;
}

export const progressTableSql = (source: StreamSource): string =>
  `CREATE OR REPLACE TABLE progress_${source.table} (partition_id BIGINT PRIMARY KEY, latest TIMESTAMP)`;

/** Keeps how far each partition has come. */
export const progressSql = (source: StreamSource): string =>
  `INSERT INTO progress_${source.table} SELECT coalesce(partition_id, 0), max(__ts) FROM ${source.table}
   WHERE __ts IS NOT NULL AND timed GROUP BY 1 ON CONFLICT (partition_id) DO UPDATE SET latest = greatest(latest, excluded.latest)`;

/** What became of a batch: counted before the rows without a time leave it. */
export const countSql = (source: StreamSource): string =>
  `SELECT count(*) FILTER (untimed), count(*) FILTER (early), count(*) FILTER (late), count(*) FILTER (late AND __ts IS NULL) FROM ${source.table}`;

/** How far time has come: no partition that still moves may bring anything older, and a silent one not for long. */
export const watermarkSql = (source: StreamSource, policy: TimePolicy): string =>
  `SELECT epoch_us(greatest(min(latest), max(latest) - to_seconds(${policy.eventsLateArrivalMaxDelayInSeconds}))
     - to_seconds(${policy.eventsOutOfOrderMaxDelayInSeconds})) FROM progress_${source.table}`;
