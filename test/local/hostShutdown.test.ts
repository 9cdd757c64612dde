import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../stack';
import { type HostApp, startHostApp } from './hostApp';

/** A function that runs until another request lets it end. */
const SLOW = `let release;
  app.http('slow', { handler: async (_, context) => {
    context.log('slow runs');
    await new Promise((resolve) => { release = resolve; });
    return { body: 'done' }; } });
  app.http('release', { handler: () => { release(); return {}; } });
  app.http('releaseSoon', { handler: () => { setTimeout(() => release(), 300); return {}; } });`;

let running: HostApp | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const runs = ({ logged }: HostApp) => expect.poll(() => logged.join('\n')).toContain('slow runs');

describe('the dev host', () => {
  test('lets running requests end when it is closed with a grace period, and accepts no others', async () => {
    running = await startHostApp(SLOW);
    const slow = call(`${running.url}/slow`);
    await runs(running);
    await call(`${running.url}/releaseSoon`);
    const closed = running.host.close(20_000);
    await expect(call(`${running.url}/release`)).rejects.toThrow('fetch failed');
    expect((await slow).text).toBe('done');
    await closed;
  });

  test('ends running requests when the grace period is over', async () => {
    running = await startHostApp(SLOW);
    const slow = call(`${running.url}/slow`);
    slow.catch(() => undefined);
    await runs(running);
    await running.host.close(100);
    await expect(slow).rejects.toThrow('fetch failed');
  });

  test('is closed at once without a grace period', async () => {
    running = await startHostApp(SLOW);
    const slow = call(`${running.url}/slow`);
    slow.catch(() => undefined);
    await runs(running);
    await running.host.close();
    await expect(slow).rejects.toThrow('fetch failed');
  });
});

/**
 * What `npm start` does with the host and a signal, in a process of its own. Its function runs until there is a file
 * `release`.
 */
const program = (release: string): string => `
  const { startHostApp } = require('./test/local/hostApp.ts');
  const { stopOnSignal } = require('./local/lifecycle.ts');
  const running = [];
  stopOnSignal(running);
  startHostApp(\`app.http('slow', { handler: async () => {
    console.log('slow runs');
    while (!require('node:fs').existsSync(${JSON.stringify(release)})) await new Promise((resolve) => setTimeout(resolve, 10));
    return { body: 'done' }; } });\`, { log: console.log }).then(({ host, url }) => {
    running.push(host);
    console.log(url);
  });`;

describe('a process with the dev host', { tags: 'full' }, () => {
  let folder: string;
  let release: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
    release = join(folder, 'release');
  });
  afterAll(() => rm(folder, { recursive: true }));

  const start = (): { child: ChildProcess; line: () => Promise<string>; exit: Promise<unknown[]> } => {
    const child = spawn(process.execPath, ['-r', 'tsx/cjs', '-e', program(release)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true, // in a process group of its own
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, line: async () => String((await lines.next()).value), exit: once(child, 'exit') };
  };

  test.each([
    ['process', (pid: number) => pid],
    ['process group', (pid: number) => -pid],
  ])('lets a running request end after a SIGTERM to the %s, and exits 0', async (_, target) => {
    const { child, line, exit } = start();
    const url = await line();
    const slow = call(`${url}/slow`);
    expect(await line()).toBe('slow runs');
    process.kill(target(child.pid ?? 0), 'SIGTERM');
    const isRefused = () =>
      call(`${url}/none`).then(
        () => false,
        () => true,
      );
    await expect.poll(isRefused).toBe(true);
    await writeFile(release, '');
    expect((await slow).text).toBe('done');
    expect(await exit).toEqual([0, null]);
    await rm(release);
  });

  test('ends at once after Ctrl-C, and exits 0', async () => {
    const { child, line, exit } = start();
    const slow = call(`${await line()}/slow`);
    slow.catch(() => undefined);
    expect(await line()).toBe('slow runs');
    child.kill('SIGINT');
    await expect(slow).rejects.toThrow('fetch failed');
    expect(await exit).toEqual([0, null]);
  });
});
