import { type ChildProcess, execSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { call } from '../stack';
import { launch as launchCommand } from './startedStack';

const PORTS = [
  '--port',
  '--hub-port',
  '--amqp-port',
  '--shop-port',
  '--dashboard-port',
  '--database-port',
  '--blob-port',
];
const ANY_PORT = PORTS.flatMap((flag) => [flag, '0']);
let child: ChildProcess;
afterEach(() => {
  (child as ChildProcess | undefined)?.kill('SIGKILL');
});

/** Starts a command of the project and collects what it prints. */
function launch(command: string, ...args: string[]) {
  child = spawn(process.execPath, ['local/launch.mjs', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ready = new Promise<string>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const line = /^(?:emulator )?ready .*$/m.exec(out)?.[0];
      if (line !== undefined) resolve(line);
    });
  });
  const exit = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  return { ready, exit, out: () => out, err: () => err };
}

describe('npm start', () => {
  test('starts everything on free ports, prints them, and stops cleanly on Ctrl-C', async () => {
    const { ready, exit, out, err } = launch('start', ...ANY_PORT);
    const url = (await ready).replace('ready ', '');
    expect((await call(`${url}/api/messages?action=ping`)).status).toBe(200);
    // The commands that the guide proposes work as printed, again too.
    const commands = [...out().matchAll(/^ {2}(curl .*)$/gm)].map(([, command = '']) => command);
    const responses = [...commands, ...commands].map((command) => execSync(command, { encoding: 'utf8' }));
    expect(responses.map((response) => /^HTTP\/1\.1 (\d+)/.exec(response)?.[1])).toEqual([
      ...['201', '201', undefined],
      ...['200', '201', undefined],
    ]);
    expect(responses[2]).toContain('"browse_product"');
    const shop = /demo shop +(\S+)/.exec(out())?.[1] ?? '';
    const page = (await call(shop)).text;
    expect(page).toContain(`data-endpoint="${url}/api"`);
    expect(page).not.toContain('hubfront-local');
    expect(out()).toMatch(new RegExp(`^ready ${url}$`, 'm'));
    // A line per request needs --verbose.
    expect(out()).not.toMatch(/^[A-Z]+ \/api\/messages /m);
    child.kill('SIGINT');
    expect(await exit).toBe(0);
    expect(err()).toBe(''); // no warning of Node's or of a library's
    await expect(call(url)).rejects.toThrow();
  });

  test.each(PORTS)('names the port that is in use and %s', async (flag) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const args = ANY_PORT.map((value, i) => (ANY_PORT[i - 1] === flag ? String(port) : value));
    const { exit, err } = launch('start', ...args);
    expect(await exit).toBe(1);
    expect(err()).toBe(`port ${port} is in use: choose another with ${flag}\n`);
    other.close();
  });

  test('names all ports that are in use at once, and another Hubfront on them', async () => {
    const first = launchCommand('start', [...ANY_PORT, '--no-analytics']);
    const url = await first.printed(/^ready (\S+)/m);
    const ports = [
      ['--port', new URL(url).port],
      ['--hub-port', await first.printed(/^emulator +https:\/\/127\.0\.0\.1:(\d+)/m)],
      ['--shop-port', await first.printed(/^demo shop +http:\/\/localhost:(\d+)/m)],
    ] as const;
    const second = launchCommand('start', [...ANY_PORT, ...ports.flat()]);
    expect(await second.exit).toBe(1);
    expect(second.err().trimEnd().split('\n')).toEqual([
      ...ports.map(([flag, port]) => `port ${port} is in use: choose another with ${flag}`),
      'Another Hubfront seems to be running: stop it, or give this one other ports (0: any free port)',
    ]);
    first.process.kill('SIGINT');
    expect(await first.exit).toBe(0);
  });

  test('lets pages of an origin send, bypasses a proxy for this machine, and prints no colours in a pipe', async () => {
    // A proxy that nothing listens on: whoever asks it fails.
    const proxy = 'http://127.0.0.1:9';
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];
    const env = { ...Object.fromEntries(names.map((name) => [name, proxy])), NODE_USE_ENV_PROXY: '1' };
    const running = launchCommand(
      'start',
      [...ANY_PORT, '--verbose', '--origin', 'http://localhost:8080'],
      env,
    );
    const url = await running.printed(/^ready (\S+)/m);
    const { headers } = await fetch(`${url}/api/messages`, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:8080', 'access-control-request-method': 'POST' },
    });
    expect(headers.get('access-control-allow-origin')).toBe('http://localhost:8080');
    await fetch(`${url}/api/message_feed?after_offset=-1&code=hubfront-worker`);
    await running.printed(/^(OPTIONS \/api\/messages 204 \d+ ms)$/m);
    await running.printed(/^(GET \/api\/message_feed 200 \d+ ms)$/m);
    // The job has got its first snapshot, from the database through Blob storage.
    await running.printed(/^(analytics uses the reference data) /m);
    expect(running.out()).not.toContain('\u001b');
    running.process.kill('SIGINT');
    expect(await running.exit).toBe(0);
  }, 90_000);

  test('refuses a port that is none in one line', async () => {
    const { exit, err } = launch('start', '--port', 'http');
    expect(await exit).toBe(1);
    expect(err()).toMatch(/^error: .*--port.*\n$/);
  });
});

/** Runs before a command and prints when the first of its listeners for Ctrl-C is there. */
const TELL_LISTENING = `data:text/javascript,
  process.on('newListener', (event) => { if (event === 'SIGINT') process.stdout.write('listening ') })`;

test.each([
  ['start', ...ANY_PORT],
  ['emulator', '--hub-port', '0', '--amqp-port', '0'],
])('%s stops cleanly on a Ctrl-C that comes while it loads', async (...args) => {
  child = spawn(process.execPath, ['--import', TELL_LISTENING, 'local/launch.mjs', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  const listening = new Promise<void>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      resolve();
    });
  });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  await listening;
  child.kill('SIGINT');
  expect(await exit).toBe(0);
  expect(out).not.toContain('ready');
});

describe('npm run emulator', () => {
  test('ends its start-up with its addresses and stops cleanly', async () => {
    const { ready, exit } = launch('emulator', '--hub-port', '0', '--amqp-port', '0');
    expect(await ready).toMatch(/^emulator ready https:\/\/127\.0\.0\.1:\d+ amqp:\/\/127\.0\.0\.1:\d+$/);
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
  });
});
