/** Benchmark of a deep backlog. */

import { execFileSync } from 'node:child_process';
import { startFunctionsHost } from '../local/functionsHost';
import { startEmulatorProcess } from './emulatorProcess';
import { type Result, result } from './measure';
import { createPollClient, readResponse } from './pollClient';

const KEY = 'bench';
const PARTITIONS = 32;
const MESSAGES = Number(process.env.BACKLOG_MESSAGES ?? 1_000_000);
const LIMIT = 10_000;
/** A new process grows during this many polls, until V8 has adapted its garbage collection. */
const WARM_POLLS = 30;

/**
 * Reads a deep backlog to its end through the app. No message may be lost, the time of a poll must not depend on its
 * position in the backlog, and the app's process must not grow. The end of the run is compared with its beginning.
 */
export async function benchBacklog(): Promise<Result[]> {
  const emulator = await startEmulatorProcess(PARTITIONS);
  const host = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    functionKeys: { host: { bench: KEY } },
    log: console.error,
    settings: () => emulator.settings,
  });
  const { poll, close } = createPollClient(host.url, KEY);
  try {
    await emulator.seed(MESSAGES);
    for (let i = 0, warmed = '0'; i < WARM_POLLS; i += 1)
      warmed = readResponse(await poll({ limit: LIMIT, after_offset: warmed })).next_offset;
    const times: number[] = [];
    const megabytes: number[] = [];
    const next = new Map<string, number>();
    let after = '0';
    for (let more = true; more;) {
      const start = performance.now();
      const body = await poll({ limit: LIMIT, after_offset: after });
      times.push(performance.now() - start);
      megabytes.push(residentMegabytes(host.workerPid()));
      const answer = readResponse(body);
      for (const { partitionId, sequenceNumber } of answer.messages) {
        const expected = next.get(partitionId) ?? 0;
        if (sequenceNumber !== expected) {
          throw new Error(`partition ${partitionId}: ${sequenceNumber} came in place of ${expected}`);
        }
        next.set(partitionId, expected + 1);
      }
      after = answer.next_offset;
      more = answer.has_more;
    }
    const read = [...next.values()].reduce((sum, count) => sum + count, 0);
    const tenth = Math.ceil(times.length / 10);
    const backlog = `${read} of ${MESSAGES} messages in ${times.length} polls over ${PARTITIONS} partitions`;
    return [
      result(
        `${backlog}: a poll of the last tenth`,
        times.slice(-tenth),
        'the first tenth',
        times.slice(0, tenth),
      ),
      result(
        `the same: memory of the app, after ${WARM_POLLS} polls that warmed it`,
        megabytes.slice(-tenth),
        'the first tenth',
        megabytes.slice(0, tenth),
        'MB',
      ),
    ];
  } finally {
    close();
    await host.close();
    await emulator.close();
  }
}

/** Resident set size of a process in MB, from `ps`. */
function residentMegabytes(pid: number | undefined): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}
