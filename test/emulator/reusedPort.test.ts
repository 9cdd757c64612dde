import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/index';

let folder: string;
let client: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
});
afterEach(async () => {
  client?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** The client has 30 s to connect again. */
const PAUSE_MS = 5;
const MAX_PAUSES = 30_000 / PAUSE_MS;

/** Turns of the event loop in which the server takes the end of the first connection. */
const TURNS = 50;

/**
 * Connects; at a byte on standard input, resets the connection, and connects again from the same port. The port is below
 * those that systems choose, because a system may give one port to connections of several programs.
 */
const CLIENT = `
const { randomInt } = require('node:crypto');
const { connect } = require('node:net');
const [port, file] = process.argv.slice(1);
const host = '127.0.0.1';
const start = () => {
  const localPort = randomInt(20_000, 32_000);
  const first = connect({ port: Number(port), host, localPort });
  first.once('error', start);
  first.once('connect', () => {
    process.stdin.once('data', () => {
      first.resetAndDestroy();
      first.once('close', () => {
        const second = connect({ port: Number(port), host, localPort });
        second.once('connect', () => require('node:fs').writeFileSync(file, ''));
        second.on('error', () => undefined);
      });
    });
    process.stdout.write('connected');
  });
};
start();`;

test.each(['hubPort', 'amqpPort', 'amqpsPort', 'mqttPort', 'proxyPort'] as const)(
  'close ends a connection whose client reused its port (%s)',
  async (name) => {
    const emulator: Emulator = await startEmulator({ caFolder: folder, proxyPort: 0, amqpsPort: 0 });
    const file = join(folder, 'connected-again');
    const child = spawn(process.execPath, ['-e', CLIENT, String(emulator[name]), file]);
    client = child;
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.stdin.write('go');
    // Without a turn of the event loop, the server sees the end of the first connection together with the second one.
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let n = 0; n < MAX_PAUSES && !existsSync(file); n++) Atomics.wait(pause, 0, 0, PAUSE_MS);
    expect(existsSync(file)).toBe(true);
    for (let turn = 0; turn < TURNS; turn++) await new Promise(setImmediate);
    await emulator.close();
    expect(emulator.health().status).not.toBe('ready');
  },
);
