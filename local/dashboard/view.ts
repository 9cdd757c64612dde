/** What the dashboard shows, read from the results of the analytics job. */

import type { Job } from '../../analytics/job';
import * as measures from './measures';
import type { RowOf } from './measures';
import { type Filter, filterSql } from './filter';
import { eventOutput, hasRows, jsonRows } from './resultRows';
import { readSensors } from './sensors';

/** As it is sent to the page. Times are ISO 8601, in UTC. */
export interface View {
  now: string;
  job: {
    status: 'waiting' | 'running' | 'stopped';
    problem: string | null;
    query: string;
  };
  /** of all events since the results began, whatever the filter */
  pipeline: {
    events: number;
    /** oldest row that is kept */
    oldest: string | null;
    lagMs: number | null;
    late: number;
    dropped: { reason: string; events: number }[];
    references: { name: string; path: string; validFrom: string; rows: number }[];
    next: { path: string; validFrom: string } | null;
    /** columns that the tiles read and the query's output does not have */
    missing: string[];
  };
  /** of the rows within the filter; `rows` includes repeated ones */
  counts: { events: number; rows: number; visitors: number; sessions: number; orders: number };
  revenue: RowOf<typeof measures.revenue>[];
  /** in the order of the stages */
  funnel: { stage: string; events: number; visitors: number }[];
  products: RowOf<typeof measures.products>[];
  referrers: RowOf<typeof measures.referrers>[];
  campaigns: RowOf<typeof measures.campaigns>[];
  /** oldest first, the current one included; `partial`: not entirely within the time range */
  buckets: { minutes: number; events: { start: string; events: number; partial: boolean }[] };
  /** newest first */
  recent: RowOf<typeof measures.recent>[];
  /** the newest state of each sensor, whatever the filter */
  sensors: RowOf<typeof measures.sensors>[];
  choices: { events: string[]; products: RowOf<typeof measures.productChoices>[] };
}

/** Reads the results of a job, within a filter. */
export function createView(job: Job, queryFile: string): (filter: Filter) => Promise<View> {
  const { connection, state } = job;
  const output = eventOutput(job);
  return async (filter) => {
    const { status, problem, counts, lagMs, references, next } = state();
    const readable = output.name !== '' && (await hasRows(connection, output.name));
    const rows = readable ? output.sql : output.emptySql;
    const shown = `(SELECT * FROM ${rows} WHERE ${filterSql(filter)})`;
    const within = `(SELECT * FROM ${rows} WHERE ${filterSql({ ...filter, event: undefined, productId: undefined })})`;
    const read = async <T>(
      measure: { sql: (source: string) => string; rows: { parse: (value: unknown) => T[] } },
      source = shown,
    ): Promise<T[]> => measure.rows.parse(await jsonRows(connection, measure.sql(source)));
    const [total] = await read(measures.totals);
    const [kept] = await read(measures.totals, rows);
    const [ordered] = await read(measures.orders);
    const stages = await read(measures.funnel);
    const { minutes, bucketMinutes } = filter.range;
    return {
      now: new Date().toISOString(),
      job: { status, problem: problem ?? null, query: queryFile },
      pipeline: {
        events: counts.events,
        oldest: kept?.oldest ?? null,
        lagMs: lagMs ?? null,
        late: counts.late,
        dropped: [
          { reason: 'malformed', events: counts.malformed },
          { reason: 'without a time', events: counts.untimed },
          { reason: 'more than five minutes early', events: counts.early },
          { reason: 'too late', events: counts.lateDropped },
        ].filter(({ events }) => events > 0),
        references: references.map(({ name, path, validFrom, rows }) => ({
          ...{ name, path, rows, validFrom: new Date(validFrom).toISOString() },
        })),
        next: next ? { path: next.path, validFrom: new Date(next.validFrom).toISOString() } : null,
        missing: [...output.missing],
      },
      counts: {
        events: total?.events ?? 0,
        rows: total?.rows ?? 0,
        visitors: total?.visitors ?? 0,
        sessions: total?.sessions ?? 0,
        orders: ordered?.orders ?? 0,
      },
      revenue: await read(measures.revenue),
      funnel: measures.FUNNEL.map(({ stage }, i) => {
        const found = stages.find((row) => row.stage === i);
        return { stage, events: found?.events ?? 0, visitors: found?.visitors ?? 0 };
      }),
      products: await read(measures.products),
      referrers: await read(measures.referrers),
      campaigns: await read(measures.campaigns),
      buckets: {
        minutes: bucketMinutes,
        events: await read(measures.buckets(minutes, bucketMinutes)),
      },
      recent: withoutRepeats(await read(measures.recent)),
      sensors: await readSensors(job),
      choices: {
        events: (await read(measures.eventChoices, within)).map(({ event }) => event),
        products: await read(measures.productChoices, within),
      },
    };
  };
}

function withoutRepeats<T extends { key: string }>(rows: readonly T[]): T[] {
  const seen = new Set<string>();
  return rows.filter(({ key }) => !seen.has(key) && seen.add(key));
}
