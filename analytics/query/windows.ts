import type { Window } from './ast';
import { isDue } from './plan';
import { QueryError } from './queryError';
import { periodSql, windowSpanUs } from './timeUnits';
import { quote } from './types';

/** Stream Analytics: "The maximum size of the window in all cases is 7 days." */
export const MAX_WINDOW_US = 7 * 86_400_000_000;

/** Each event is a row for each of its windows. No page has a limit; this is above a hop of a second in 7 days. */
const MAX_WINDOWS = 1_000_000;

/** The translation of a window over kept rows. */
export interface WindowSql {
  /**
   * SQL of the kept rows in the windows that are due, each with the end of its window (`__window_end`). The keys are SQL
   * over the kept rows, equal for equal values.
   */
  rows: (kept: string, keys: readonly string[]) => string;
  /** further columns of `rows` that distinguish windows with the same end */
  keys: readonly string[];
  /** how long a row is needed after its time, µs */
  spanUs: number;
  hopUs: number;
  offsetUs: number;
  /** SQL of a time that is equal for rows in the same windows; undefined if there is none */
  bucket: string | undefined;
  /** SQL of the `rowid`s of the rows that are still needed after `$until`, if this does not only depend on their time */
  retain: ((kept: string) => string) | undefined;
}

const micros = (us: number): string => `to_microseconds(${us})`;

/** The time from 0001-01-01, to which windows are aligned, until 1970. */
const EPOCH_US = 62_135_596_800_000_000n;

/**
 * @param sessionKeys SQL of a session's PARTITION BY, over the kept rows; equal for equal values
 * @throws {QueryError}
 */
export function windowSql(window: Window, sessionKeys: readonly string[]): WindowSql {
  const { at } = window;
  const span = (size: { unit: string; amount: number }): number => {
    const us = windowSpanUs(size, at);
    if (us <= 0) throw new QueryError('the lengths of a window must be greater than 0', at);
    if (us > MAX_WINDOW_US) throw new QueryError('the lengths of a window must not exceed 7 days', at);
    return us;
  };
  const simple = { keys: [], hopUs: 0, offsetUs: 0, bucket: undefined, retain: undefined };
  const filtered = (ends: string, kept: string): string =>
    `SELECT * FROM (SELECT *, ${ends} AS __window_end FROM ${kept}) WHERE ${isDue('__window_end')}`;
  switch (window.type) {
    case 'snapshot':
      return { ...simple, rows: (kept) => filtered('__ts', kept), spanUs: 0, bucket: '__ts' };
    case 'tumbling':
    case 'hopping': {
      const [sizeUs, hopUs] = [span(window.size), span(window.hop)];
      if (sizeUs / hopUs > MAX_WINDOWS)
        throw new QueryError(
          `each event would be in ${Math.ceil(sizeUs / hopUs).toLocaleString('en')} hopping windows, but the runner computes at most ${MAX_WINDOWS.toLocaleString('en')}: use a longer hop`,
          at,
        );
      const offsetUs = window.offset ? windowSpanUs(window.offset, at) : 0;
      const first = `asa_window_end(__ts, ${hopUs}, ${offsetUs})`;
      const ends =
        hopUs === sizeUs ? first : `unnest(range(${first}, __ts + ${micros(sizeUs)}, ${micros(hopUs)}))`;
      const bucket = sizeUs % hopUs === 0 ? first : undefined;
      return { ...simple, rows: (kept) => filtered(ends, kept), spanUs: sizeUs, hopUs, offsetUs, bucket };
    }
    case 'sliding': {
      // The content of a window changes when an event enters or leaves it.
      const sizeUs = span(window.size);
      return {
        ...simple,
        spanUs: sizeUs,
        rows: (kept, keys) => {
          const named = keys.map((key, i) => `${key} AS __change_${i}, `).join('');
          const equal = keys.map((key, i) => `__change_${i} IS NOT DISTINCT FROM ${key} AND `).join('');
          const period = periodSql('__ts', sizeUs);
          return `SELECT rows.* EXCLUDE (__period), __window_end FROM (SELECT DISTINCT * FROM (SELECT ${named}unnest([__ts, __ts + ${micros(sizeUs)}]) AS __window_end FROM ${kept}) WHERE ${isDue('__window_end')}) AS changes
            JOIN (SELECT *, unnest([${period}, ${period} + 1]) AS __period FROM ${kept}) AS rows
            ON rows.__period = ${periodSql('__window_end', sizeUs)} AND ${equal}rows.__ts > __window_end - ${micros(sizeUs)} AND rows.__ts <= __window_end`;
        },
      };
    }
    case 'session':
      return sessionSql(span(window.timeout), span(window.maxDuration), sessionKeys);
  }
}

/**
 * Sessions: consecutive events within the timeout form a chain. Its first window ends at the second multiple of the
 * maximum duration after its start (at the first one when it starts at a multiple); each further one lasts that long.
 */
function sessionSql(timeoutUs: number, maxUs: number, keys: readonly string[]): WindowSql {
  const per = (more: readonly string[], order = ''): string => {
    const all = [...keys, ...more];
    return `OVER (${all.length > 0 ? `PARTITION BY ${all.join(', ')} ` : ''}${order})`;
  };
  // The default frame of SUM holds all rows of the same time, so that they are in one chain.
  const inOrder = 'ORDER BY __ts';
  const chains = (kept: string): string =>
    `SELECT *, sum(__new) ${per([], inOrder)} AS __chain FROM
      (SELECT *, CASE WHEN __ts <= lag(__ts) ${per([], inOrder)} + ${micros(timeoutUs)} THEN 0 ELSE 1 END AS __new FROM ${kept})`;
  const since = `(epoch_us(__start) + ${EPOCH_US})`;
  const firstEnd = `(${since} - ${since} % ${maxUs} + CASE WHEN ${since} % ${maxUs} = 0 THEN ${maxUs} ELSE ${2 * maxUs} END - ${EPOCH_US})`;
  return {
    keys: [...keys, '__chain', '__part'],
    spanUs: 0,
    hopUs: 0,
    offsetUs: 0,
    bucket: undefined,
    rows: (kept) => `SELECT * EXCLUDE (__new, __start, __first_end) FROM (
      SELECT *, least(max(__ts) ${per(['__chain', '__part'])} + ${micros(timeoutUs)}, make_timestamp(__first_end + __part * ${maxUs})) AS __window_end FROM (
        SELECT *, CASE WHEN epoch_us(__ts) <= __first_end THEN 0 ELSE (epoch_us(__ts) - __first_end + ${maxUs - 1}) // ${maxUs} END AS __part FROM (
          SELECT *, ${firstEnd} AS __first_end FROM (
            SELECT *, min(__ts) ${per(['__chain'])} AS __start FROM (${chains(kept)})))))
      WHERE ${isDue('__window_end')}`,
    retain: (kept) =>
      `SELECT __row_id FROM (${chains(`(SELECT *, rowid AS __row_id FROM ${kept})`)}) QUALIFY max(__ts) ${per(['__chain'])} + ${micros(timeoutUs)} > $until`,
  };
}

/** SQL of the id of a window, for System.Window().Id. */
export const windowId = ({ id }: Window): string => (id === null ? 'CAST(NULL AS VARCHAR)' : quote(id));
