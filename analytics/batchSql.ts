import type { TimePolicy } from './timePolicy';
import type { MetadataNames, PayloadFields, StreamSource } from './query';

/** Stream Analytics: an event whose own time is more than five minutes ahead of its arrival is dropped. */
const EARLY_ARRIVAL_MINUTES = 5;

/** The table of events as they arrived. */
export const ARRIVED_SQL = `CREATE OR REPLACE TEMP TABLE arrived (body VARCHAR, enqueued_us DOUBLE, partition_id BIGINT,
  seq BIGINT, device_id VARCHAR, message_id VARCHAR, correlation_id VARCHAR, generation_id VARCHAR, properties VARCHAR)`;

/**
 * The numbers that a message takes up, so that each of its events has one of its own. A message or a row of a file has
 * at most 16 MiB, and an element of an array at least two bytes.
 */
const NUMBERS_OF_MESSAGE = 2 ** 24;

/** SQL of the number of an event, from that of its message (or row of a file) and its position in it. */
const numberSql = (message: string, position: string): string =>
  `${message} * ${NUMBERS_OF_MESSAGE} + ${position}`;

/** SQL of the number of the message (or row of a file), from that of an event. */
export const messageOfNumber = (number: string): string => `${number} // ${NUMBERS_OF_MESSAGE}`;

/** SQL of the events in the lists `events`, each with its number; the other columns stay. */
const eachEvent = (rows: string): string =>
  `SELECT * EXCLUDE (position) REPLACE (${numberSql('__seq', 'position')} AS __seq) FROM (
    SELECT unnest(events) AS event, generate_subscripts(events, 1) AS position, * EXCLUDE (events) FROM (${rows}))`;

/** The columns of an event other than its payload. */
const METADATA = `coalesce(make_timestamp(CAST(enqueued_us AS BIGINT)), $now) AS enqueued, enqueued_us IS NOT NULL AS timed,
  CAST($now AS TIMESTAMP) AS processed, partition_id, CAST(seq AS HUGEINT) AS __seq, device_id, message_id, correlation_id,
  generation_id, CAST(properties AS JSON) AS properties`;

/** SQL that returns a readable JSON object, and NULL for any other value. */
const CHECKED = `CASE WHEN json_type(event) = 'OBJECT' AND NOT asa_is_oversized(CAST(event AS VARCHAR)) THEN event END`;

/** SQL of the readable objects among rows with their metadata, which overwrites fields of the same names. */
const payloadsOf = (rows: string, fields: PayloadFields): string => {
  const checked = `SELECT ${CHECKED} AS event, * EXCLUDE (event) FROM (${rows})`;
  return fields.readsWhole()
    ? `SELECT * REPLACE (CASE WHEN timed THEN asa_without_metadata(event) ELSE event END AS event) FROM (${checked})`
    : checked;
};

/** SQL of the arrived events, with the fields that the query reads. */
export const payloadsSql = (fields: PayloadFields): string =>
  `CREATE OR REPLACE TEMP TABLE raw AS ${fields.fitting(
    fields.select(
      payloadsOf(
        eachEvent(`SELECT asa_events(json, body) AS events, * EXCLUDE (json, body) FROM (
          SELECT asa_read_strict(body) AS json, body, ${METADATA} FROM arrived)`),
        fields,
      ),
    ),
  )}`;

/** What lines may hold that needs a look at each of them. */
export interface Suspicions {
  /** integers outside bigint */
  oversized: boolean;
  /** what DuckDB reads as JSON although it is not */
  loose: boolean;
  /** names of the metadata that each query reads */
  metadata: MetadataNames;
}

/** The form of the events in a file: payloads, optionally with the metadata of a sample, or messages of the feed. */
export type FileShape = 'payload' | 'feed';

/**
 * SQL of the events of a file, with the fields that the query reads.
 *
 * @param rows SQL of its rows: `json`, `body`, the text if it is not JSON, and `__seq`
 */
export function fileEventsSql(rows: string, shape: FileShape, fields: PayloadFields): string {
  if (shape === 'payload')
    return fields.fitting(
      fields.select(
        `SELECT ${CHECKED} AS event, __seq FROM (${eachEvent(`SELECT asa_events(json, body) AS events, __seq FROM (${rows})`)})`,
        true,
      ),
    );
  const text = (field: string): string => `json->>'$.${field}'`;
  return fields.fitting(
    fields.select(
      payloadsOf(
        eachEvent(`SELECT asa_events(payload, CAST(payload AS VARCHAR)) AS events, * EXCLUDE (payload) FROM (
        SELECT CASE WHEN json_type(json, '$.body') = 'VARCHAR' THEN asa_read(${text('body')}) ELSE json_extract(json, '$.body') END AS payload,
          coalesce(asa_text_datetime(${text('enqueuedTimeUtc')}), $now) AS enqueued,
          asa_text_datetime(${text('enqueuedTimeUtc')}) IS NOT NULL AS timed, CAST($now AS TIMESTAMP) AS processed,
          TRY_CAST(${text('partitionId')} AS BIGINT) AS partition_id, __seq,
          ${text('deviceId')} AS device_id, ${text('messageId')} AS message_id, CAST(NULL AS VARCHAR) AS correlation_id,
          CAST(NULL AS VARCHAR) AS generation_id, json_extract(json, '$.properties') AS properties
        FROM (${rows}) WHERE json_extract(json, '$.next_offset') IS NULL OR json_extract(json, '$.body') IS NOT NULL)`),
        fields,
      ),
    ),
  );
}

/** The number of rows that are not JSON objects. */
export const MALFORMED_SQL = 'SELECT count(*) FILTER (event IS NULL) FROM raw';

/** The value of TIMESTAMP BY … OVER. */
const OVER = '__over';

/** SQL of what has a progress of its own: a partition, or one value of TIMESTAMP BY … OVER in it. */
const timelineOf = ({ timeline }: StreamSource): string =>
  `CAST(coalesce(partition_id, 0) AS VARCHAR)${timeline === undefined ? '' : ` || ':' || coalesce(${OVER}, '')`} AS __timeline`;

/**
 * SQL of the events of one source with their own times, from rows that {@link payloadsSql} returns.
 *
 * @param other SQL of the column `other`, if there is to be one
 * @param time SQL of the own time
 */
export const ownTimesSql = (
  source: StreamSource,
  rows: string,
  other = '',
  time = source.timestamp ?? 'raw.enqueued',
): string =>
  `SELECT ${other === '' ? '' : `${other}, `}${source.fields.kept('raw')}, raw.event IS NULL AS malformed,
    ${source.timeline === undefined ? '' : `${source.timeline} AS ${OVER}, `}CASE WHEN raw.event IS NOT NULL THEN ${time} END AS own_time FROM ${rows} AS raw`;

/** How lines are read: `trusted` is faster, but malformed JSON raises an error; `checked` has it in the column `other`. */
export type Reading = 'trusted' | 'checked';

/**
 * SQL of the events of one source with their own times, like that of {@link ownTimesSql}, from lines that are JSON
 * objects. The other lines are in the column `other`, for {@link fileEventsSql}.
 *
 * @param lines SQL of the lines: `line` and `__seq`
 * @param suspicions what there may be in the lines
 */
export function ownLinesSql(
  source: StreamSource,
  lines: string,
  suspicions: Suspicions,
  reading: Reading,
): string {
  const { fields } = source;
  const test = `${suspicions.oversized ? ' AND NOT asa_is_oversized(line)' : ''}${suspicions.loose ? ' AND asa_is_strict(line)' : ''}`;
  const object = `CASE WHEN starts_with(line, '{')${test} THEN line END`;
  // A whole event needs DuckDB's type JSON, and so a check.
  const event = reading === 'checked' || fields.readsWhole() ? `TRY_CAST(${object} AS JSON)` : object;
  const read = `SELECT ${event} AS event, line, ${numberSql('__seq', '1')} AS __seq FROM (${lines})`;
  const time = timeColumn(source);
  const events = fields.selectObjects(
    `SELECT event, __seq, CASE WHEN event IS NULL THEN line END AS other FROM (${read})`,
    time,
    suspicions.metadata,
  );
  return ownTimesSql(source, `(${fields.fitting(events)})`, 'raw.other AS other', time && `raw.${time}`);
}

/** The column of the field that TIMESTAMP BY names, if nothing else reads it. */
function timeColumn({ timestamp, timeline, fields }: StreamSource): string | undefined {
  const [, column] = /^asa_datetime\(raw\.(field_\d+)\)$/.exec(timestamp ?? '') ?? [];
  if (column === undefined || fields.isKept(column)) return undefined;
  return timeline?.match(/\bfield_\d+\b/g)?.includes(column) ? undefined : column;
}

/** SQL of these events as they are stored: less is written if `sent`, NULL without an arrival time, stands for `enqueued` and `timed`. */
export const storedSql = (rows: string): string =>
  `SELECT * EXCLUDE (enqueued, timed), CASE WHEN timed THEN enqueued END AS sent FROM (${rows})`;

/** SQL of the events of a table with rows of {@link storedSql}. @param nowUs the time of reading, µs since 1970 */
export const ofStoredSql = (table: string, nowUs: number): string =>
  `(SELECT * EXCLUDE (sent), coalesce(sent, make_timestamp(${nowUs})) AS enqueued, sent IS NOT NULL AS timed FROM ${table})`;

/**
 * SQL of the batch of one source: each event with its time after the time policies. The order of events, and so their
 * disorder, is that of their partition.
 *
 * No event may be at or before `$watermark`, because windows up to there have been emitted.
 *
 * @param own table of the events that {@link ownTimesSql} returns
 */
export function timedSql(source: StreamSource, policy: TimePolicy, own: string): string {
  const late = `to_seconds(${policy.eventsLateArrivalMaxDelayInSeconds})`;
  const outOfOrder = `to_seconds(${policy.eventsOutOfOrderMaxDelayInSeconds})`;
  const adjust = policy.eventsOutOfOrderPolicy === 'Adjust';
  return `WITH punctual AS (SELECT *, ${timelineOf(source)}, CASE
        WHEN timed AND own_time > enqueued + INTERVAL '${EARLY_ARRIVAL_MINUTES} minutes' THEN NULL
        WHEN timed AND own_time < enqueued - ${late} THEN ${adjust ? `enqueued - ${late}` : 'NULL'}
        ELSE own_time END AS punctual_time FROM ${own} WHERE NOT malformed),
    ordered AS (SELECT punctual.*, CASE WHEN timed THEN greatest(
        max(punctual_time) OVER (PARTITION BY punctual.__timeline ORDER BY __seq ROWS UNBOUNDED PRECEDING) - ${outOfOrder},
        progress.latest - ${outOfOrder}, $watermark) END AS least_time
      FROM punctual LEFT JOIN progress_${source.table} AS progress ON progress.timeline = punctual.__timeline)
    SELECT ${source.fields.kept('ordered')}, __timeline,
      own_time IS NULL AS untimed,
      punctual_time IS NULL AND own_time > enqueued AS early,
      timed AND (punctual_time IS DISTINCT FROM own_time OR punctual_time < least_time) AND own_time IS NOT NULL
        AND NOT (punctual_time IS NULL AND own_time > enqueued) AS late,
      CASE WHEN punctual_time < least_time THEN ${adjust ? 'least_time' : 'NULL'} ELSE punctual_time END AS __ts,
      CAST([] AS BIGINT[]) AS __row
    FROM ordered`;
}

/** The same for events whose times no policy changes: those without arrival times, and punctual ones in order. */
export const unchangedSql = (source: StreamSource, own: string): string =>
  `SELECT ${source.fields.kept('own')}, own_time IS NULL AS untimed, false AS early, false AS late,
    own_time AS __ts, CAST([] AS BIGINT[]) AS __row FROM ${own} AS own WHERE NOT malformed`;

/**
 * SQL of one row about the events that {@link ownTimesSql} returns: `events`, `malformed`, `timed`, `untimed`, `disordered` (behind the timed event before them by time or number), and `unpunctual` (late or early).
 */
export const arrivalsSql = (policy: TimePolicy, own: string): string =>
  `SELECT *, (SELECT count(*) FILTER (own_time < before OR __seq < number_before) FROM (
      SELECT own_time, __seq, lag(own_time) OVER () AS before, lag(__seq) OVER () AS number_before FROM ${own} WHERE own_time IS NOT NULL)) AS disordered
    FROM (SELECT count(*) AS events, count(*) FILTER (malformed) AS malformed, count(*) FILTER (timed) AS timed,
      count(*) FILTER (NOT malformed AND own_time IS NULL) AS untimed,
      count(*) FILTER (timed AND epoch_us(own_time) - epoch_us(enqueued) NOT BETWEEN ${-policy.eventsLateArrivalMaxDelayInSeconds * 1e6}
        AND ${EARLY_ARRIVAL_MINUTES * 60e6}) AS unpunctual FROM ${own})`;

/** SQL: whether an event is of a later message (or row of a file) than that of a number. DuckDB skips the rows before. */
export const isAfter = (message: number): string =>
  `__seq >= ${numberSql(`CAST(${message + 1} AS HUGEINT)`, '0')}`;

/** SQL of one row about the events after a message: `events`, `malformed`, `others`, and `last` (number of the last message). */
export const addedSql = (own: string, after: number): string =>
  `SELECT count(*) AS events, count(*) FILTER (malformed) AS malformed, count(other) AS others,
     coalesce(${messageOfNumber('max(__seq)')}, ${after}) AS last FROM ${own} WHERE ${isAfter(after)}`;

/** @param schema schema of the table; it may exist if it is in a file */
export const progressTableSql = (source: StreamSource, schema = 'main'): string =>
  `CREATE TABLE IF NOT EXISTS ${schema}.progress_${source.table} (timeline VARCHAR PRIMARY KEY, latest TIMESTAMP)`;

/** Stores the latest time of each partition or timeline. */
export const progressSql = (source: StreamSource, schema: string): string =>
  `INSERT INTO ${schema}.progress_${source.table} SELECT __timeline, max(__ts) FROM ${source.table}
   WHERE __ts IS NOT NULL AND timed GROUP BY 1 ON CONFLICT (timeline) DO UPDATE SET latest = greatest(latest, excluded.latest)`;

/** The counts of a batch, before rows without a time are removed. */
export const countSql = (table: string): string =>
  `SELECT count(*) FILTER (untimed), count(*) FILTER (early), count(*) FILTER (late), count(*) FILTER (late AND __ts IS NULL) FROM ${table}`;

/** SQL of the latest time of each timeline, µs. */
export const latestSql = (source: StreamSource): string =>
  `SELECT timeline, epoch_us(latest) FROM progress_${source.table}`;

/** Statements that remove the timelines that no longer affect later events, because the watermark has passed them. */
export const pruneProgressSql = (source: StreamSource, policy: TimePolicy, schema: string): string[] => {
  const table = `progress_${source.table}`;
  return [
    `CREATE OR REPLACE TEMP TABLE pruned AS SELECT * FROM ${table}
       WHERE latest - to_seconds(${policy.eventsOutOfOrderMaxDelayInSeconds}) > $watermark`,
    `DROP TABLE ${schema}.${table}`,
    progressTableSql(source, schema),
    `INSERT INTO ${schema}.${table} SELECT * FROM pruned`,
  ];
};
