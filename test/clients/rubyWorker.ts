import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { KEY, type Stack } from '../stack';
import { runs } from '../testSize';

export const CLIENT = join('clients', 'ruby');
const MESSAGES = runs(1_500, 11_000);
export const KILLS = runs(2, 10);
/** messages in a batch */
export const LIMIT = 50;

export interface Worker {
  child: ChildProcess;
  exit: Promise<number | NodeJS.Signals>;
  /** complete once `exit` has settled */
  output: () => string;
}

/** Starts the Ruby workers against a stack, and ends those that a test leaves behind. */
export interface Workers {
  start: (script: string, args?: string[], settings?: Record<string, string>) => Worker;
  /** every message of the hub as `partition:sequence number` */
  stored: () => string[];
  /**
   * Runs a worker that is killed at random moments while the feed is restarted, and then a last one until it has all
   * messages.
   *
   * @param taken how many messages the worker has kept so far
   */
  torment: (start: () => Worker, taken: () => Promise<number>) => Promise<Worker>;
  close: () => void;
}

export function createWorkers(stack: Stack): Workers {
  const workers: ChildProcess[] = [];
  const start: Workers['start'] = (script, args = [], settings = {}) => {
    const child = spawn('ruby', [join(CLIENT, script), ...args], {
      env: {
        ...process.env,
        FEED_URL: `${stack.host.url}/api/message_feed`,
        FEED_KEY: KEY,
        FEED_LIMIT: String(LIMIT),
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    workers.push(child);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const exit = new Promise<number | NodeJS.Signals>((resolve) =>
      child.once('close', (code, signal) => {
        resolve(code ?? signal ?? -1);
      }),
    );
    return { child, exit, output: () => text };
  };

  const stored = (): string[] =>
    stack.emulator.admin
      .state()
      .partitions.flatMap(({ partitionId, beginSequenceNumber: first, count }) =>
        Array.from({ length: count }, (_, i) => `${partitionId}:${first + i}`),
      );

  const torment: Workers['torment'] = async (startWorker, taken) => {
    const { admin } = stack.emulator;
    admin.recreateHub();
    let seeded = 0;
    const seed = (): void => {
      const count = MESSAGES / (KILLS + 1);
      admin.seed({ count, deviceId: 'shop' });
      seeded += count;
    };
    for (let kill = 0; kill < KILLS; kill++) {
      const restarted = kill % 4 === 1 ? stack.restartHost() : undefined;
      const before = await taken();
      seed(); // However quick the worker was before, there are messages that it has not taken.
      const { child, exit, output } = startWorker();
      await expect.poll(taken, { interval: 5, message: output() }).toBeGreaterThan(before);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
      child.kill('SIGKILL');
      expect(await exit, output()).toBe('SIGKILL');
      await restarted;
    }
    seed();
    const last = startWorker();
    await expect.poll(taken, { timeout: 100_000 }).toBeGreaterThanOrEqual(seeded);
    return last;
  };

  return {
    start,
    stored,
    torment,
    close: () => {
      for (const worker of workers) worker.kill('SIGKILL');
    },
  };
}
