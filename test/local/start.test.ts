import { execSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findProgram } from '../clients/programs';
import { call } from '../stack';
import { ANY_PORT, type LaunchedCommand, PORT_FLAGS as PORTS, launch } from './startedStack';

/** Gives a command a terminal. */
const script = findProgram('script', 'bsdutils');

/** Starts a command of the project, and ends it with the test. */
function start(command: string, ...args: string[]): LaunchedCommand {
  const started = launch(command, args);
  onTestFinished(() => void started.process.kill('SIGKILL'));
  return started;
}

describe('npm start', { tags: 'full' }, () => {
  let running: LaunchedCommand;
  let url: string;
  beforeAll(async () => {
    running = launch('start', ANY_PORT);
    url = await running.printed(/^ready (\S+)/m);
  });
  afterAll(() => {
    running.process.kill('SIGKILL');
  });

  test('starts everything on free ports, and prints them and commands that work', async () => {
    expect((await call(`${url}/api/messages?action=ping`)).status).toBe(200);
    // The commands that the guide proposes work as printed, again too.
    const commands = [...running.out().matchAll(/^ {2}(curl .*)$/gm)].map(([, command = '']) => command);
    const responses = [...commands, ...commands].map((command) => execSync(command, { encoding: 'utf8' }));
    expect(responses.map((response) => /^HTTP\/1\.1 (\d+)/.exec(response)?.[1])).toEqual([
      ...['201', '201', undefined],
      ...['200', '201', undefined],
    ]);
    expect(responses[2]).toContain('"browse_product"');
    const shop = /demo shop +(\S+)/.exec(running.out())?.[1] ?? '';
    const page = (await call(shop)).text;
    expect(page).toContain(`data-endpoint="${url}/api"`);
    expect(page).not.toContain('hubfront-local');
    expect(running.out()).toMatch(new RegExp(`^ready ${url}$`, 'm'));
    // A line per request needs --verbose.
    expect(running.out()).not.toMatch(/^[A-Z]+ \/api\/messages /m);
  });

  test('lists at / what it prints: each part with its port', async () => {
    const starting = [...running.out().matchAll(/\(port (\d+)\)/g)].map(([, port = '']) => port);
    const emulator = /^emulator .*$/m.exec(running.out())?.[0] ?? '';
    const ports = [
      ...starting,
      ...[...emulator.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port = '']) => port),
    ];
    expect(ports).toHaveLength(6);
    const page = (await call(url)).text;
    expect(ports.filter((port) => !page.includes(`:${port}`))).toEqual([]);
  });

  test('prints no colours and no links in a pipe', () => {
    expect(running.out()).not.toContain('\u001b');
  });

  test('names all ports that are in use, each with its flag', async () => {
    const others = PORTS.map(() => createServer());
    await Promise.all(
      others.map((other) => new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))),
    );
    const ports = others.map((other) => (other.address() as AddressInfo).port);
    const { exit, err } = start('start', ...PORTS.flatMap((flag, i) => [flag, String(ports[i])]));
    expect(await exit).toBe(1);
    expect(err()).toBe(
      PORTS.map((flag, i) => `port ${ports[i]} is in use: choose another with ${flag}\n`).join(''),
    );
    for (const other of others) other.close();
  });

  test('names another Hubfront that has the ports', async () => {
    const ports = [
      ['--port', new URL(url).port],
      ['--hub-port', await running.printed(/^emulator +https:\/\/127\.0\.0\.1:(\d+)/m)],
      ['--shop-port', await running.printed(/^demo shop +http:\/\/localhost:(\d+)/m)],
    ] as const;
    const second = launch('start', [...ANY_PORT, ...ports.flat()]);
    expect(await second.exit).toBe(1);
    expect(second.err().trimEnd().split('\n')).toEqual([
      ...ports.map(([flag, port]) => `port ${port} is in use: choose another with ${flag}`),
      'Another Hubfront seems to be running: stop it, or choose other ports (0: any free port)',
    ]);
  });

  test('stops cleanly on Ctrl-C, without a warning of Node or of a library', async () => {
    running.process.kill('SIGINT');
    expect(await running.exit).toBe(0);
    expect(running.err()).toBe('');
    await expect(call(url)).rejects.toThrow();
  });

  test.runIf(script)(
    'lets pages of an origin send, bypasses a proxy for this machine, and prints colours and links on a terminal',
    async () => {
      // A proxy that nothing listens on: whoever asks it fails.
      const proxy = 'http://127.0.0.1:9';
      const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];
      const env = { ...Object.fromEntries(names.map((name) => [name, proxy])), NODE_USE_ENV_PROXY: '1' };
      const onTerminal = launch(
        'start',
        [...ANY_PORT, '--verbose', '--origin', 'http://localhost:8080'],
        env,
        { terminal: true },
      );
      const url = await onTerminal.printed(/ready\S* \S*8;;(http:\/\/localhost:\d+)/);
      expect(onTerminal.out()).toContain(`\u001b[32mready\u001b[39m \u001b]8;;${url}\u001b\\`);
      const { headers } = await fetch(`${url}/api/messages`, {
        method: 'OPTIONS',
        headers: { origin: 'http://localhost:8080', 'access-control-request-method': 'POST' },
      });
      expect(headers.get('access-control-allow-origin')).toBe('http://localhost:8080');
      await fetch(`${url}/api/message_feed?after_offset=-1&code=hubfront-worker`);
      await onTerminal.printed(/(OPTIONS \/api\/messages 204 \d+ ms)/);
      await onTerminal.printed(/(GET \/api\/message_feed 200 \d+ ms)/);
      // The job has got its first snapshot, from the database through Blob storage.
      await onTerminal.printed(/(analytics uses the reference data) /);
      onTerminal.press('\u0003'); // Ctrl-C
      expect(await onTerminal.exit).toBe(0);
    },
  );

  test('refuses a port that is none in one line', async () => {
    const { exit, err } = start('start', '--port', 'http');
    expect(await exit).toBe(1);
    expect(err()).toMatch(/^error: .*--port.*\n$/);
  });
});

/** Runs before a command and prints when the first of its listeners for Ctrl-C is there. */
const TELL_LISTENING = `data:text/javascript,
  process.on('newListener', (event) => { if (event === 'SIGINT') process.stdout.write('listening ') })`;

test.each([
  ['start', ...ANY_PORT],
  ['emulator', '--hub-port', '0', '--amqp-port', '0', '--mqtt-port', '0'],
])('%s stops cleanly on a Ctrl-C that comes while it loads', async (...args) => {
  const child = spawn(process.execPath, ['--import', TELL_LISTENING, 'local/launch.mjs', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  const listening = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      resolve();
    });
  });
  const exit = new Promise((resolve) => child.once('close', resolve));
  await listening;
  child.kill('SIGINT');
  expect(await exit).toBe(0);
  expect(out).not.toContain('ready');
});

describe('npm run emulator', () => {
  test('ends its start-up with its addresses and stops cleanly', async () => {
    const flags = ['--hub-port', '0', '--amqp-port', '0', '--mqtt-port', '0'];
    const { process: child, printed, exit } = start('emulator', ...flags);
    expect(await printed(/^(emulator ready .*)$/m)).toMatch(
      /^emulator ready https:\/\/127\.0\.0\.1:\d+ amqp:\/\/127\.0\.0\.1:\d+ mqtts:\/\/127\.0\.0\.1:\d+$/,
    );
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
  });
});
