/** Benchmark of Stream Analytics queries on files, compared with hand-written DuckDB SQL. */

import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { DEFAULT_TIME_POLICY } from '../analytics/timePolicy';
import { runFiles } from '../analytics/fileRun';
import { translate } from '../analytics/query';
import { type Result, measuredInAlternation, median, result } from './measure';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 1_000_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const DEVICES = 100;
/** Events per second of the events' own time. */
const EVENTS_PER_SECOND = 100;
const START_MS = Date.UTC(2026, 0, 1);
/** Lines that are formatted at once. */
const CHUNK_LINES = 10_000;

export interface Case {
  name: string;
  /** in the language of Stream Analytics, over `events` and `devices` */
  query: string;
  /** the same in DuckDB SQL over `events`, with the columns in {@link COLUMNS}, and `devices` */
  sql: string;
}

const COLUMNS = "{time: 'TIMESTAMP', deviceId: 'VARCHAR', temperature: 'DOUBLE'}";
const TIMED = 'events TIMESTAMP BY time';

export const CASES: readonly Case[] = [
  {
    name: 'filter',
    query: `SELECT deviceId, temperature FROM ${TIMED} WHERE temperature > 25`,
    sql: 'SELECT deviceId, temperature FROM events WHERE temperature > 25',
  },
  {
    name: 'tumbling window',
    query: `SELECT deviceId, COUNT(*) AS n, AVG(temperature) AS mean, System.Timestamp() AS ended FROM ${TIMED} GROUP BY deviceId, TumblingWindow(second, 10)`,
    sql: `SELECT deviceId, count(*) AS n, avg(temperature) AS mean, time_bucket(INTERVAL '10 s', time - INTERVAL '1 us') + INTERVAL '10 s' AS ended
      FROM events GROUP BY deviceId, ended`,
  },
  {
    name: 'hopping window',
    query: `SELECT deviceId, COUNT(*) AS n, AVG(temperature) AS mean, System.Timestamp() AS ended FROM ${TIMED} GROUP BY deviceId, HoppingWindow(second, 10, 5)`,
    sql: `SELECT deviceId, count(*) AS n, avg(temperature) AS mean, first + hop AS ended
      FROM (SELECT *, time_bucket(INTERVAL '5 s', time - INTERVAL '1 us') + INTERVAL '5 s' AS first FROM events), (VALUES (INTERVAL '0 s'), (INTERVAL '5 s')) AS hops(hop)
      GROUP BY deviceId, ended`,
  },
  {
    name: 'reference join',
    query: `SELECT e.deviceId, d.room, e.temperature FROM ${TIMED.replace('events', 'events AS e')} JOIN devices AS d ON e.deviceId = d.deviceId WHERE d.floor = 3`,
    sql: `SELECT e.deviceId, d.room, e.temperature FROM events AS e JOIN devices AS d ON e.deviceId = d.deviceId WHERE d.floor = 3`,
  },
  {
    name: 'LAG',
    query: `SELECT deviceId, temperature, LAG(temperature) OVER (PARTITION BY deviceId LIMIT DURATION(minute, 5)) AS before FROM ${TIMED}`,
    sql: `SELECT deviceId, temperature, CASE WHEN time - lag(time) OVER w < INTERVAL '5 minutes' THEN lag(temperature) OVER w END AS before
      FROM events WINDOW w AS (PARTITION BY deviceId ORDER BY time)`,
  },
];

/** CPU time and wall time of one run, ms. */
interface Cost {
  cpu: number;
  wall: number;
}

/**
 * Runs each case on the same file with the runner and with hand-written DuckDB SQL, with one thread each. The SQL knows
 * the types of the columns, trusts every line, and writes its rows as JSON lines, too.
 */
export async function benchAnalyticsFiles(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-bench-'));
  try {
    const devices = join(folder, 'devices.json');
    await writeDevices(devices);
    const results: Result[] = [];
    for (const withMetadata of [false, true]) {
      const events = join(folder, `events-${withMetadata}.ndjson`);
      await writeEvents(events, EVENTS, withMetadata);
      const megabytes = Math.round((await stat(events)).size / 1e6);
      const kind = `${EVENTS.toLocaleString('en')} events with${withMetadata ? '' : 'out'} metadata, ${megabytes} MB`;
      for (const one of CASES) results.push(await compare(one, kind, { events, devices, folder }));
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Files {
  events: string;
  devices: string;
  folder: string;
}

async function compare({ name, query, sql }: Case, kind: string, files: Files): Promise<Result> {
  const output = join(files.folder, 'rows.ndjson');
  const plan = translate(query);
  const costs = await measuredInAlternation<'runner' | 'sql', Cost>(ROUNDS, {
    runner: () =>
      costOf(async () => {
        await runFiles({
          plan,
          policy: DEFAULT_TIME_POLICY,
          inputs: new Map([['events', [files.events]]]),
          references: new Map(plan.references.map((one) => [one.name, [files.devices]])),
          outputs: new Map(plan.outputs.map(({ table }) => [table, output])),
        });
      }),
    sql: () => costOf(() => runSql(sql, files, output)),
  });
  const ratio = (of: keyof Cost): string =>
    (median(costs.sql.map((one) => one[of])) / median(costs.runner.map((one) => one[of]))).toFixed(2);
  console.log(
    `analytics: ${name}, ${kind}: ${ratio('cpu')}× the throughput of SQL per CPU time, ${ratio('wall')}× per time`,
  );
  const cpu = (all: readonly Cost[]): number[] => all.map((one) => one.cpu);
  return result(
    `analytics: ${name} (CPU time), ${kind}`,
    cpu(costs.runner),
    'hand-written SQL',
    cpu(costs.sql),
  );
}

async function runSql(sql: string, { events, devices }: Files, output: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run(
    `CREATE VIEW events AS FROM read_json('${events}', format = 'newline_delimited', columns = ${COLUMNS})`,
  );
  await connection.run(`CREATE TABLE devices AS FROM read_json('${devices}')`);
  await connection.run(`COPY (${sql}) TO '${output}' (FORMAT json)`);
  connection.closeSync();
  instance.closeSync();
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  const start = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1_000, wall: performance.now() - start };
}

/** Writes the reference data of {@link CASES}. */
export const writeDevices = (file: string): Promise<void> =>
  writeFile(file, JSON.stringify(Array.from({ length: DEVICES }, (_, i) => device(i))));

/** Writes events in the order of time, one per line. */
export const writeEvents = (file: string, count: number, withMetadata = false): Promise<void> =>
  pipeline(Readable.from(lines(count, withMetadata)), createWriteStream(file));

const device = (i: number): object => ({ deviceId: `device-${i}`, room: `room ${i % 20}`, floor: i % 5 });

function* lines(count: number, withMetadata: boolean): Generator<string> {
  for (let i = 0; i < count; i += CHUNK_LINES)
    yield Array.from(
      { length: Math.min(CHUNK_LINES, count - i) },
      (_, j) => `${line(i + j, withMetadata)}\n`,
    ).join('');
}

function line(i: number, withMetadata: boolean): string {
  const time = new Date(START_MS + (i * 1_000) / EVENTS_PER_SECOND).toISOString();
  const deviceId = `device-${(i * 7) % DEVICES}`;
  return JSON.stringify({
    deviceId,
    time,
    temperature: 15 + ((i * 37) % 200) / 10,
    humidity: 40 + (i % 30),
    status: i % 50 === 0 ? 'warning' : 'ok',
    message: `measured by sensor ${i % 8}`,
    ...(withMetadata && {
      EventProcessedUtcTime: time,
      PartitionId: i % 4,
      EventEnqueuedUtcTime: time,
      IoTHub: {
        MessageId: null,
        CorrelationId: null,
        ConnectionDeviceId: deviceId,
        ConnectionDeviceGenerationId: '638',
        EnqueuedTime: time,
      },
    }),
  });
}
