/** The rows of the dashboard as a CSV file, read by DuckDB's CSV reader. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Job } from '../../../analytics/job';
import { translate } from '../../../analytics/query';
import { readFilter } from '../../../local/dashboard/filter';
import { startDashboardServer } from '../../../local/dashboard/server';
import { createView } from '../../../local/dashboard/view';
import type { WebServer } from '../../../local/webServer';

const TEXTS = ['event', 'message_id', 'device_id', 'currency', 'order_id'];
/** Texts that a spreadsheet would evaluate: signs, also full-width ones, and what precedes a sign. */
const FORMULAS = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠1'];
const PLAIN = ['a,"b"', 'line\r\nline', 'Grüße 日本', ' =1', '', '7e5'];

let instance: DuckDBInstance;
let connection: DuckDBConnection;
let job: Job;
let dashboard: WebServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-export-'));
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  const columns = TEXTS.map((name) => `TRY_CAST(${name} AS nvarchar(max)) AS ${name}`).join(', ');
  await connection.run("ATTACH ':memory:' AS results");
  const counts = { events: 0, malformed: 0, untimed: 0, early: 0, late: 0, lateDropped: 0 };
  job = {
    plan: translate(`SELECT ${columns}, TRY_CAST(revenue AS float) AS revenue INTO o FROM [i]`),
    connection,
    state: () => ({
      ...{ status: 'running', problem: undefined, counts, lagMs: undefined, references: [], next: undefined },
    }),
    close: () => Promise.resolve(),
  };
  dashboard = await startDashboardServer({ port: 0, shopUrl: '', view: createView(job, 'q.asaql'), job });
});
afterAll(async () => {
  await dashboard.close();
  connection.closeSync();
  instance.closeSync();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() =>
  connection.run(
    `CREATE OR REPLACE TABLE results.o (${TEXTS.map((name) => `${name} VARCHAR`).join(', ')}, revenue DOUBLE, __ts TIMESTAMP, __seq BIGINT)`,
  ),
);

async function add(row: Record<string, string | number>): Promise<void> {
  const names = Object.keys(row);
  await connection.run(
    `INSERT INTO results.o (${names.join(', ')}, __ts, __seq) VALUES (${names.map((name) => `$${name}`).join(', ')}, now() AT TIME ZONE 'UTC', (SELECT count(*) FROM results.o))`,
    row,
  );
}

/** What DuckDB reads in the exported file. */
async function exported(): Promise<Record<string, unknown>[]> {
  const file = join(folder, 'events.csv');
  const response = await fetch(`${dashboard.url}/events.csv`);
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  const read = await connection.runAndReadAll(
    `FROM read_csv('${file}', header = true, delim = ',', quote = '"', escape = '"', nullstr = '\\N', types = {'revenue': 'VARCHAR'}, all_varchar = true)`,
  );
  return read.getRowObjectsJson();
}

describe('the CSV export', () => {
  test('has each text as it was, and none that a spreadsheet evaluates', async () => {
    for (const event of [...FORMULAS, ...PLAIN]) await add({ event, message_id: `m-${event}` });
    const texts = (await exported()).map(({ event }) => event);
    expect(texts).toEqual([...FORMULAS.map((formula) => `'${formula}`), ...PLAIN]);
  });

  test('begins with the byte order mark by which Excel recognizes UTF-8', async () => {
    const response = await fetch(`${dashboard.url}/events.csv`);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect([...new Uint8Array(await response.arrayBuffer())].slice(0, 3)).toEqual([0xef, 0xbb, 0xbf]);
  });

  test('adds up to the figures of the page, with a message that was sent twice and with refunds', async () => {
    const order = { event: 'purchase', message_id: 'm1', currency: 'EUR', order_id: 'o1', revenue: 30 };
    await add(order);
    await add(order);
    await add({ event: 'refund', message_id: 'm2', currency: 'EUR', order_id: 'o1', revenue: -12.5 });
    const sum = (await exported()).reduce((total, { revenue }) => total + Number(revenue), 0);
    expect(sum).toBe(17.5);
    const { revenue, counts } = await createView(job, 'q.asaql')(readFilter({}));
    expect(revenue).toEqual([{ currency: 'EUR', revenue: 17.5, refunded: 12.5, orders: 1, items: 1 }]);
    expect(counts).toMatchObject({ events: 2, orders: 1 });
  });

  test('that fails half-way ends the connection, so that no part of it passes for the whole', async () => {
    await add({ event: 'a', message_id: 'm1' });
    vi.spyOn(console, 'error').mockReturnValueOnce();
    const original = connection.runAndReadAll.bind(connection);
    const read = vi.spyOn(connection, 'runAndReadAll').mockImplementation((sql, ...others) => {
      if (sql.includes('__rowid >')) throw new Error('the disk failed');
      return original(sql, ...others);
    });
    onTestFinished(() => {
      read.mockRestore();
    });
    const text = fetch(`${dashboard.url}/events.csv`).then((response) => response.text());
    await expect(text).rejects.toThrow();
  });
});

describe('the dashboard', () => {
  test('responds to HEAD as to GET, without a body and without reading rows', async () => {
    await add({ event: 'a', message_id: 'm1' });
    for (const path of ['/', '/dashboard.css', '/dashboard.js', '/events', '/pictures/162.svg', '/report/']) {
      const get = await fetch(dashboard.url + path);
      await get.body?.cancel();
      const head = await fetch(dashboard.url + path, { method: 'HEAD' });
      const type = head.headers.get('content-type');
      expect([path, head.status, type]).toEqual([path, 200, get.headers.get('content-type')]);
      expect(await head.text()).toBe('');
    }
    const read = vi.spyOn(connection, 'runAndReadAll');
    onTestFinished(() => {
      read.mockRestore();
    });
    const head = await fetch(`${dashboard.url}/events.csv`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-disposition')).toBe('attachment; filename="events.csv"');
    // The stream above may still read its figures.
    expect(read.mock.calls.filter(([sql]) => sql.includes('__rowid >'))).toEqual([]);
  });
});
