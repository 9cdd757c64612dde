import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack';
import { findProgram } from './programs';
import { CLIENT, KILLS, LIMIT, type Workers, createWorkers } from './rubyWorker';

const ruby = findProgram('ruby', 'ruby');

let stack: Stack;
let workers: Workers;
let folder: string;

beforeAll(async () => {
  stack = await startStack();
  workers = createWorkers(stack);
  folder = await mkdtemp(join(tmpdir(), 'hubfront-ruby-'));
});
afterAll(async () => {
  workers.close();
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(!ruby)('the Ruby worker', () => {
  test("passes the client's own tests", async () => {
    const names = readdirSync(join(CLIENT, 'test')).filter((name) => name.endsWith('_test.rb'));
    const files = names.map((name) => `require "./test/${name}"`).join(';');
    const { stdout } = await promisify(execFile)('ruby', ['-w', '-Ilib', '-e', files], { cwd: CLIENT });
    expect(stdout).toMatch(/[1-9]\d* runs, [1-9]\d* assertions, 0 failures, 0 errors, 0 skips/);
  });

  test('stops immediately and cleanly on SIGTERM while it waits', async () => {
    stack.emulator.admin.recreateHub();
    stack.emulator.admin.seed({ count: 3 });
    const file = join(folder, 'waiting.jsonl');
    const { child, exit, output } = workers.start('worker.rb', [file]);
    await expect.poll(() => cursorOf(file)).not.toBe('');
    child.kill('SIGTERM');
    expect(await exit, output()).toBe(0);
    expect(output()).toBe('');
  });

  test('ends with the reason when its key is wrong', async () => {
    const { exit, output } = workers.start('worker.rb', [join(folder, 'x.jsonl')], {
      FEED_KEY: 'sesame',
      FEED_GIVE_UP_AFTER: '1',
    });
    expect(await exit).toBe(1);
    expect(output()).toMatch(/^worker\.rb: the feed returned 401, the function key is wrong/m);
    expect(output()).not.toContain('sesame');
  });

  test.each([
    [{ FEED_URL: '' }, 'FEED_URL is not set'],
    [{ FEED_URL: '', FEED_KEY: '' }, 'FEED_URL is not set; FEED_KEY is not set'],
    [{ FEED_URL: 'localhost:7071' }, 'FEED_URL must be an http or https URL'],
    [{ FEED_KEY: 'a\nb' }, 'FEED_KEY must contain only printable ASCII characters'],
    [{ FEED_LIMIT: 'many' }, 'FEED_LIMIT must be a whole number from 1 to 10000'],
  ])('ends with one line for the settings %o', async (settings, line) => {
    const { exit, output } = workers.start('worker.rb', [join(folder, 'unset.jsonl')], settings);
    expect(await exit).toBe(1);
    expect(output()).toBe(`worker.rb: ${line}\n`);
  });

  test('ends with one line when its file or its cursor cannot be used', async () => {
    const damaged = join(folder, 'damaged.jsonl');
    await writeFile(`${damaged}.cursor`, '\0'.repeat(600));
    const foreign = join(folder, 'foreign.jsonl');
    await writeFile(`${foreign}.cursor`, 'AQMx');
    const ended = [damaged, foreign, folder, join(folder, 'no', 'folder')].map((file) =>
      workers.start('worker.rb', [file]),
    );
    expect(await Promise.all(ended.map(({ exit }) => exit))).toEqual([1, 1, 1, 1]);
    const lines = ended.map(({ output }) => output());
    for (const line of lines) expect(line).toMatch(/^worker\.rb: [^\n]+\n$/);
    expect(lines[0]).toContain('damaged.jsonl.cursor holds only whitespace or NUL bytes');
    expect(lines[1]).toContain('the feed returned 400, invalid_cursor');
    expect(lines[2]).toContain('Is a directory');
  });

  test('reports messages that retention removed, and that the hub was recreated', async () => {
    const { admin } = stack.emulator;
    admin.recreateHub();
    admin.seed({ count: 10, partitionId: '0' });
    const file = join(folder, 'gaps.jsonl');
    const { child, exit, output } = workers.start('worker.rb', [file]);
    await expect.poll(() => cursorOf(file)).not.toBe('');
    child.kill('SIGTERM');
    await exit;
    admin.seed({ count: 10, partitionId: '0' });
    admin.expire({ partitionId: '0', keep: 4 });
    const second = workers.start('worker.rb', [file]);
    await expect.poll(() => second.output()).toContain('lost to retention: partition 0, 10 to 15');
    admin.recreateHub();
    await expect.poll(() => second.output()).toContain('the hub was recreated');
    second.child.kill('SIGTERM');
    expect(await second.exit).toBe(0);
    expect(output()).toBe('');
  });

  test(
    'killed repeatedly while the feed restarts: loses nothing, and repeats at most one batch',
    { tags: 'full', timeout: 300_000, retry: 0 },
    async () => {
      const file = join(folder, 'messages.jsonl');
      const keys = (text: string): string[] =>
        text
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as { partitionId: string; sequenceNumber: number })
          .map(({ partitionId, sequenceNumber }) => `${partitionId}:${sequenceNumber}`);
      const read = () => readFile(file, 'utf8').catch(() => '');
      const last = await workers.torment(
        () => workers.start('worker.rb', [file]),
        async () => new Set(keys(await read())).size,
      );
      last.child.kill('SIGTERM');
      expect(await last.exit, last.output()).toBe(0);

      const got = keys(await read());
      expect([...new Set(got)].sort()).toEqual(workers.stored().sort());
      const firstAt = new Map<string, number>();
      for (const [at, key] of got.entries()) {
        expect(at - (firstAt.get(key) ?? at)).toBeLessThanOrEqual(LIMIT);
        if (!firstAt.has(key)) firstAt.set(key, at);
      }
      expect(got.length - firstAt.size).toBeLessThanOrEqual(KILLS * LIMIT);
    },
  );
});

function cursorOf(file: string): string {
  try {
    return readFileSync(`${file}.cursor`, 'utf8');
  } catch {
    return '';
  }
}
