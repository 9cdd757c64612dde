// @module-tag full

import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runFiles } from '../../../analytics/fileRun';
import { type Job, resultTable, startJob } from '../../../analytics/job';
import { translate } from '../../../analytics/query';
import { readTimePolicy } from '../../../analytics/timePolicy';
import { views } from '../../../bench/dashboardViews';
import { startDashboard } from '../../../local/dashboard';
import { openHub } from '../../../local/openHub';
import { type JobStack, startJobStack } from './jobStack';

const KILLS = 6;
/** for each job process */
const SHARE = 400;
const DEVICES = ['shop-1', 'shop-2'];
const QUERY = `
  SELECT IoTHub.ConnectionDeviceId AS device, COUNT(*) AS n, SUM(CAST(Data.n AS bigint)) AS sum, System.Timestamp() AS t
  INTO windows FROM [events] GROUP BY IoTHub.ConnectionDeviceId, HoppingWindow(second, 2, 1);
  SELECT Data.n AS n, LAG(Data.n) OVER (PARTITION BY IoTHub.ConnectionDeviceId LIMIT DURATION(hour, 1)) AS before
  INTO lags FROM [events];
  SELECT a.Data.n AS n, b.Data.n AS later INTO pairs FROM [events] a JOIN [events] b
  ON a.IoTHub.ConnectionDeviceId = b.IoTHub.ConnectionDeviceId AND CAST(b.Data.n AS bigint) = CAST(a.Data.n AS bigint) + 40
    AND DATEDIFF(minute, a, b) BETWEEN 0 AND 60;`;
const POLICY = { EventsLateArrivalMaxDelayInSeconds: 1, EventsOutOfOrderMaxDelayInSeconds: 0 };

let folder: string;
let jobStack: JobStack;
beforeAll(async () => {
  jobStack = await startJobStack('[]');
  folder = await mkdtemp(join(tmpdir(), 'hubfront-windows-'));
  await writeFile(join(folder, 'query.asaql'), QUERY);
  await writeFile(join(folder, 'JobConfig.json'), JSON.stringify(POLICY));
}, 120_000);
afterAll(async () => {
  await jobStack.close();
  await rm(folder, { recursive: true, force: true });
});

test('kills of a job never change the rows of windows, LAG and joins', { timeout: 120_000 }, async () => {
  const { stack } = jobStack;
  const queryFile = join(folder, 'query.asaql');
  const environment = { ...jobStack.environment, ANALYTICS_QUERY: queryFile };
  const url = `http://127.0.0.1:${environment.DASHBOARD_PORT}`;
  const keys = new Map<string, string>();
  for (const device of DEVICES)
    keys.set(
      device,
      (await stack.register(device)).json.deviceInfo.authentication.symmetricKey.primaryKey as string,
    );
  let sent = 0;
  const sendShare = async (): Promise<void> => {
    for (const until = sent + SHARE; sent < until; sent += 20)
      for (const [deviceId, deviceKey] of keys) {
        const messages = Array.from({ length: 20 }, (_, i) => ({ deviceMessage: { n: sent + i } }));
        expect((await stack.send({ deviceId, deviceKey, messages })).status).toBe(201);
      }
  };
  const processed = async (): Promise<number> => {
    try {
      for await (const { pipeline } of views(url)) return pipeline.events;
    } catch {
      // It has been killed, or has not started yet.
    }
    return 0;
  };

  for (let kill = 0; kill < KILLS; kill += 1) {
    const enough = DEVICES.length * sent + 1 + Math.floor(Math.random() * SHARE);
    const job = startDashboard(environment, () => undefined);
    const sending = sendShare();
    await expect.poll(processed, { timeout: 60_000 }).toBeGreaterThanOrEqual(enough);
    process.kill(job.pid ?? 0, 'SIGKILL');
    await Promise.all([job.ended, sending]);
  }
  await sendShare();

  const feed = join(folder, 'feed.ndjson');
  await writeFile(feed, '');
  let cursor = '0';
  for (let more = true; more;) {
    const { json } = await stack.feed({ after_offset: cursor, limit: 10_000 });
    for (const message of json.messages as object[]) await appendFile(feed, `${JSON.stringify(message)}\n`);
    [cursor, more] = [json.next_offset as string, json.has_more as boolean];
  }
  const plan = translate(QUERY);
  const outputs = new Map(plan.outputs.map(({ name, table }) => [table, join(folder, `${name}.ndjson`)]));
  await runFiles({
    plan,
    policy: readTimePolicy(queryFile),
    inputs: new Map([['events', [feed]]]),
    references: new Map(),
    outputs,
  });

  const lines: string[] = [];
  const job = await startJob({
    queryFile,
    openHub,
    eventHubConnection: environment.ANALYTICS_EVENTHUB_CONNECTION,
    consumerGroup: environment.ANALYTICS_CONSUMERGROUP,
    storageConnection: environment.ANALYTICS_STORAGE,
    container: environment.ANALYTICS_CONTAINER,
    resultsFile: environment.ANALYTICS_RESULTS,
    log: (line) => lines.push(line),
  });
  try {
    for (const { name, table } of plan.outputs) {
      const expected = (await readFile(outputs.get(table) ?? '', 'utf8')).split('\n').filter(Boolean).sort();
      expect(expected.length).toBeGreaterThan(0);
      await expect
        .poll(() => storedRows(job, name), { timeout: 60_000, interval: 200 })
        .toHaveLength(expected.length);
      expect((await storedRows(job, name)).map(normal).sort()).toEqual(expected.map(normal).sort());
    }
    expect(job.state()).toMatchObject({ status: 'running' });
    expect(job.state().counts.events).toBe(DEVICES.length * sent);
  } finally {
    await job.close();
  }
  expect(lines).toEqual([]);
});

async function storedRows({ connection }: Job, output: string): Promise<string[]> {
  const read = await connection
    .runAndReadAll(
      `SELECT to_json(one) FROM (SELECT * EXCLUDE (__ts, __seq) FROM ${resultTable(output)}) AS one`,
    )
    .catch(() => undefined); // The table is made with the first row.
  return (read?.getRows() ?? []).map(([row]) => String(row));
}

/** A row with its times in one form. */
const normal = (row: string): string =>
  JSON.stringify(
    Object.entries(JSON.parse(row) as Record<string, unknown>).map(([name, value]) => [
      name,
      name === 't' ? Date.parse(String(value).replace(' ', 'T').replace(/Z?$/, 'Z')) : value,
    ]),
  );
