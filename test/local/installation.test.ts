import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/**
 * Stands for npm. It reports its start and its end, and installs what `tsx` stands for when the file `go` exists. On a
 * SIGTERM, it takes a moment to restore what it has removed, as npm does.
 */
const NPM = `#!${process.execPath}
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs');
const tell = (what) => appendFileSync('npm.log', what + ' ' + process.pid + '\\n');
process.on('SIGTERM', () => setTimeout(() => { tell('restored'); process.exit(1); }, 300));
tell('started');
setInterval(() => {
  if (!existsSync('go')) return;
  mkdirSync('node_modules/tsx/cjs', { recursive: true });
  writeFileSync('node_modules/tsx/package.json', '{"name": "tsx"}');
  writeFileSync('node_modules/tsx/cjs/index.js', '');
  writeFileSync('node_modules/.package-lock.json', '{}');
  tell('done');
  process.exit(0);
}, 20);
`;
const SLOW = { timeout: 20_000, interval: 20 };

let project: string;
let children: ChildProcess[];
beforeEach(async () => {
  children = [];
  project = await mkdtemp(join(tmpdir(), 'hubfront-install-'));
  for (const folder of ['local', 'analytics', 'emulator', 'bin']) await mkdir(join(project, folder));
  await cp('local/launch.mjs', join(project, 'local', 'launch.mjs'));
  for (const file of ['analytics/cli.ts', 'emulator/cli.ts'])
    await writeFile(join(project, file), `exports.main = async () => console.log('has run');`);
  await writeFile(join(project, 'package.json'), '{"devDependencies": {"tsx": "1"}}');
  await writeFile(join(project, 'package-lock.json'), '{}');
  await writeFile(join(project, 'bin', 'npm'), NPM);
  await chmod(join(project, 'bin', 'npm'), 0o755);
});
afterEach(async () => {
  await writeFile(join(project, 'go'), '');
  for (const child of children) child.kill('SIGKILL');
  for (const pid of (await npmLog()).map((line) => Number(line.split(' ')[1])))
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  await rm(project, { recursive: true, force: true, maxRetries: 5 });
});

function launch(command: string): {
  child: ChildProcess;
  out: () => string;
  exit: Promise<number | string | null>;
} {
  const env = { ...process.env, PATH: [join(project, 'bin'), process.env.PATH].join(delimiter) };
  const child = spawn(process.execPath, [join(project, 'local', 'launch.mjs'), command], {
    env: { ...env, npm_lifecycle_event: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const exit = new Promise<number | string | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  return { child, out: () => out, exit };
}

const npmLog = async (): Promise<string[]> =>
  (await readFile(join(project, 'npm.log'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
/** What the installers have done, without their ids. */
const installers = async (): Promise<string[]> => (await npmLog()).map((line) => line.replace(/ .*/, ''));

describe.skipIf(process.platform === 'win32')('an installation', { timeout: 30_000 }, () => {
  test.each([
    ['analytics', 'SIGTERM', 143],
    ['analytics', 'SIGINT', 130],
    ['emulator', 'SIGTERM', 0],
  ] as const)('ends before its command %s ends on %s', async (command, signal, code) => {
    const { child, exit } = launch(command);
    await expect.poll(installers, SLOW).toEqual(['started']);
    child.kill(signal);
    expect(await exit).toBe(code);
    expect(await installers()).toEqual(['started', 'restored']);
  });

  test('is waited for by the next start if its command was killed', async () => {
    const first = launch('analytics');
    await expect.poll(installers, SLOW).toEqual(['started']);
    const lock = (): Promise<string> => readFile(join(project, '.hubfront', 'install.lock'), 'utf8');
    await expect.poll(lock, SLOW).toMatch(/^\d+ \d+$/);
    // Its output does not close, because the installer has it, too.
    const killed = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    expect(await killed).toEqual([null, 'SIGKILL']);
    const second = launch('analytics');
    await expect.poll(second.out, SLOW).not.toBe('');
    await writeFile(join(project, 'go'), '');
    expect(await second.exit).toBe(0);
    expect(second.out()).toBe('Waiting for another start, which is installing the packages\nhas run\n');
    expect(await installers()).toEqual(['started', 'done']);
  });
});
