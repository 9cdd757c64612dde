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

/** Turns of the event loop in which the server takes the end of the first connection. */
const TURNS = 50;

/** Connects; at a byte on standard input, resets the connection, and connects again from the same port. */
const CLIENT = `
const { connect } = require('node:net');
const [port, file] = process.argv.slice(1);
const first = connect(Number(port), '127.0.0.1', () => {
  const { localPort } = first;
  process.stdin.once('data', () => {
    first.resetAndDestroy();
    first.once('close', () => {
      const second = connect({ port: Number(port), host: '127.0.0.1', localPort });
      second.once('connect', () => require('node:fs').writeFileSync(file, ''));
      second.on('error', () => undefined);
    });
  });
  process.stdout.write('connected');
});`;

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
    while (!existsSync(file)) Atomics.wait(pause, 0, 0, 5);
    for (let turn = 0; turn < TURNS; turn++) await new Promise(setImmediate);
    await emulator.close();
    expect(emulator.health().status).not.toBe('ready');
  },
);
