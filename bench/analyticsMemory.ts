/** Benchmark of the memory of Stream Analytics queries on files. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { translate } from '../analytics/query';
import { CASES, type Case, writeDevices, writeEvents } from './analyticsFiles';
import { type Result, result } from './measure';
import { residentMb } from './sending/childProcess';

const EVENTS = 1_000_000;
const MANY_EVENTS = 10_000_000;
/** Queries that compare each event with those of the seconds before and after. */
const JOINED: readonly Pick<Case, 'name' | 'query'>[] = [
  {
    name: 'stream join',
    query: `SELECT a.deviceId, a.temperature AS first, b.temperature AS second FROM events AS a TIMESTAMP BY time
      JOIN events AS b TIMESTAMP BY time ON a.deviceId = b.deviceId AND DATEDIFF(second, a, b) BETWEEN 0 AND 10
      WHERE a.temperature > 30 AND b.temperature > 30`,
  },
  {
    name: 'sliding window',
    query: `SELECT deviceId, COUNT(*) AS n, AVG(temperature) AS mean, System.Timestamp() AS ended
      FROM events TIMESTAMP BY time GROUP BY deviceId, SlidingWindow(second, 10)`,
  },
];
const SAMPLE_MS = 100;

/** Compares the peak memory of the command on a file with that on a file of a tenth of the events. */
export async function benchAnalyticsMemory(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-bench-'));
  try {
    const file = (count: number): string => join(folder, `events-${count}.ndjson`);
    for (const count of [EVENTS, MANY_EVENTS]) await writeEvents(file(count), count);
    const devices = join(folder, 'devices.json');
    await writeDevices(devices);
    const results: Result[] = [];
    for (const { name, query } of [...CASES, ...JOINED]) {
      const queryFile = join(folder, 'query.asaql');
      await writeFile(queryFile, query);
      const references = translate(query).references.length > 0 ? ['--reference', devices] : [];
      const peak = (count: number): Promise<number> =>
        peakMb([
          'run',
          '--query',
          queryFile,
          '--input',
          file(count),
          '--output',
          join(folder, 'rows'),
          ...references,
        ]);
      const [few, many] = [await peak(EVENTS), await peak(MANY_EVENTS)];
      console.log(`analytics: peak memory of ${name}: ${Math.round(few)} MB, ${Math.round(many)} MB`);
      results.push(
        result(
          `analytics: peak memory of ${name}, ${MANY_EVENTS.toLocaleString('en')} events`,
          [many],
          `${EVENTS.toLocaleString('en')} events`,
          [few],
          'MB',
        ),
      );
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Samples the memory of a process of the command until it ends. @throws Error if it fails */
async function peakMb(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ['local/launch.mjs', 'analytics', ...args], { stdio: 'inherit' });
  let peak = 0;
  const timer = setInterval(() => {
    const resident = residentMb(child.pid ?? 0);
    if (resident > peak) peak = resident;
  }, SAMPLE_MS);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(timer);
  if (code !== 0) throw new Error(`the command ended with ${code}`);
  return peak;
}
