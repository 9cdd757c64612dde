import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, type Stack, startStack } from '../stack';
import { type Postgresql, findPostgresql, startPostgresql } from './postgresql';
import { findProgram } from './programs';

const CLIENT = join('clients', 'ruby');
const MESSAGES = 10_000;
const KILLS = 10;
const LIMIT = 50;

const ruby = findProgram('ruby', 'ruby');
const pg = findProgram('ruby', 'ruby ruby-pg', ['-rpg', '-e', '']);
const postgresql = findPostgresql() ?? findProgram('/usr/lib/postgresql', 'postgresql', ['']);

let stack: Stack;
let folder: string;
const workers: ChildProcess[] = [];

beforeAll(async () => {
  stack = await startStack();
  folder = await mkdtemp(join(tmpdir(), 'hubfront-ruby-'));
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

interface Worker {
  child: ChildProcess;
  exit: Promise<number | NodeJS.Signals>;
  output: () => string;
}

function startWorker(script: string, args: string[] = [], settings: Record<string, string> = {}): Worker {
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
    child.once('exit', (code, signal) => {
      resolve(code ?? signal ?? -1);
    }),
  );
  return { child, exit, output: () => text };
}

/** Every message of the hub as `partition:sequence number`. */
function stored(): string[] {
  return stack.emulator.admin
    .state()
    .partitions.flatMap(({ partitionId, beginSequenceNumber: first, count }) =>
      Array.from({ length: count }, (_, i) => `${partitionId}:${first + i}`),
    );
}

/**
 * Runs a worker that is killed at random moments while the feed is restarted, and then a last one until it has all
 * messages.
 *
 * @param taken how many messages the worker has kept so far
 */
async function torment(start: () => Worker, taken: () => Promise<number>): Promise<Worker> {
  const { admin } = stack.emulator;
  admin.recreateHub();
  admin.seed({ count: MESSAGES, deviceId: 'shop' });
  for (let kill = 0; kill < KILLS; kill++) {
    const restarted = kill % 4 === 1 ? stack.restartHost() : undefined;
    const before = await taken();
    const { child, exit, output } = start();
    await expect.poll(taken, { timeout: 20_000, interval: 5, message: output() }).toBeGreaterThan(before);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
    child.kill('SIGKILL');
    expect(await exit, output()).toBe('SIGKILL');
    await restarted;
  }
  const last = start();
  await expect.poll(taken, { timeout: 30_000 }).toBeGreaterThanOrEqual(MESSAGES);
  return last;
}

describe.skipIf(!ruby)('the Ruby worker', () => {
  test("passes the client's own tests", async () => {
    const files = ['message_feed_test', 'stores_test'].map((name) => `require "./test/${name}"`).join(';');
    const { stdout } = await promisify(execFile)('ruby', ['-w', '-Ilib', '-e', files], { cwd: CLIENT });
    expect(stdout).toMatch(/[1-9]\d* runs, [1-9]\d* assertions, 0 failures, 0 errors, 0 skips/);
  });

  test('stops at once and cleanly on SIGTERM while it waits', async () => {
    stack.emulator.admin.recreateHub();
    stack.emulator.admin.seed({ count: 3 });
    const file = join(folder, 'waiting.jsonl');
    const { child, exit, output } = startWorker('worker.rb', [file]);
    await expect.poll(() => cursorOf(file), { timeout: 20_000 }).not.toBe('');
    child.kill('SIGTERM');
    expect(await exit, output()).toBe(0);
    expect(output()).toBe('');
  });

  test('ends with the reason when its key is wrong', async () => {
    const { exit, output } = startWorker('worker.rb', [join(folder, 'x.jsonl')], { FEED_KEY: 'sesame' });
    expect(await exit).toBe(1);
    expect(output()).toContain('the feed answered 401');
    expect(output()).not.toContain('sesame');
  });

  test('tells what retention took, and that the hub was recreated', async () => {
    const { admin } = stack.emulator;
    admin.recreateHub();
    admin.seed({ count: 10, partitionId: '0' });
    const file = join(folder, 'gaps.jsonl');
    const { child, exit, output } = startWorker('worker.rb', [file]);
    await expect.poll(() => cursorOf(file), { timeout: 20_000 }).not.toBe('');
    child.kill('SIGTERM');
    await exit;
    admin.seed({ count: 10, partitionId: '0' });
    admin.expire({ partitionId: '0', keep: 4 });
    const second = startWorker('worker.rb', [file]);
    await expect
      .poll(() => second.output(), { timeout: 20_000 })
      .toContain('lost to retention: partition 0, 10 to 15');
    admin.recreateHub();
    await expect.poll(() => second.output(), { timeout: 20_000 }).toContain('the hub was recreated');
    second.child.kill('SIGTERM');
    expect(await second.exit).toBe(0);
    expect(output()).toBe('');
  });

  test(
    'killed ten times while the feed restarts: nothing lost, repeats within one batch',
    { timeout: 90_000, retry: 0 },
    async () => {
      const file = join(folder, 'messages.jsonl');
      const keys = (text: string): string[] =>
        text
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as { partitionId: string; sequenceNumber: number })
          .map(({ partitionId, sequenceNumber }) => `${partitionId}:${sequenceNumber}`);
      const read = () => readFile(file, 'utf8').catch(() => '');
      const last = await torment(
        () => startWorker('worker.rb', [file]),
        async () => new Set(keys(await read())).size,
      );
      last.child.kill('SIGTERM');
      expect(await last.exit, last.output()).toBe(0);

      const got = keys(await read());
      expect([...new Set(got)].sort()).toEqual(stored().sort());
      const firstAt = new Map<string, number>();
      for (const [at, key] of got.entries()) {
        expect(at - (firstAt.get(key) ?? at)).toBeLessThanOrEqual(LIMIT);
        if (!firstAt.has(key)) firstAt.set(key, at);
      }
      expect(got.length - firstAt.size).toBeLessThanOrEqual(KILLS * LIMIT);
    },
  );
});

describe.skipIf(!ruby || !pg || !postgresql)('the Ruby worker with PostgreSQL', () => {
  let database: Postgresql;
  beforeAll(async () => {
    database = await startPostgresql(postgresql ?? '');
  });
  afterAll(() => database.close());

  const start = () => startWorker('postgresql_worker.rb', [], { DATABASE_URL: database.url });
  const count = async () =>
    Number((await database.query('SELECT count(*) FROM messages').catch(() => ['0']))[0]);

  test(
    'killed ten times while the feed restarts: every message exactly once',
    { timeout: 90_000, retry: 0 },
    async () => {
      const last = await torment(start, count);
      last.child.kill('SIGTERM');
      expect(await last.exit, last.output()).toBe(0);
      const rows = await database.query(`SELECT partition_id || ':' || sequence_number FROM messages`);
      expect(rows.sort()).toEqual(stored().sort());
      expect(await database.query(`SELECT message::jsonb->'body'->>'n' FROM messages LIMIT 1`)).toHaveLength(
        1,
      );
    },
  );

  test('two of the same name: the second is rolled back, and still every message is there once', async () => {
    const before = await count();
    const pair = [start(), start()];
    stack.emulator.admin.seed({ count: 2_000, deviceId: 'shop' });
    await expect.poll(count, { timeout: 30_000 }).toBe(before + 2_000);
    for (const { child } of pair) child.kill('SIGTERM');
    for (const { exit, output } of pair) if ((await exit) !== 0) expect(output()).toContain('CursorMoved');
    expect(
      await database.query('SELECT DISTINCT count(*) FROM messages GROUP BY partition_id, sequence_number'),
    ).toEqual(['1']);
  }, 60_000);
});

function cursorOf(file: string): string {
  try {
    return readFileSync(`${file}.cursor`, 'utf8');
  } catch {
    return '';
  }
}
