import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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

/**
 * Connects; at a byte on standard input, resets the connection, and connects again from the same port. It writes to a
 * file whether that was possible: another process may have taken the port.
 */
const CLIENT = `
const { connect } = require('node:net');
const [port, file] = process.argv.slice(1);
const tell = (outcome) => require('node:fs').writeFileSync(file, outcome, { flag: 'wx' });
const first = connect(Number(port), '127.0.0.1', () => {
  const { localPort } = first;
  process.stdin.once('data', () => {
    first.resetAndDestroy();
    first.once('close', () => {
      const second = connect({ port: Number(port), host: '127.0.0.1', localPort });
      second.once('connect', () => {
        tell('connected');
        second.on('error', () => undefined);
      });
      second.once('error', () => { if (!second.remotePort) tell('failed'); });
    });
  });
  process.stdout.write('connected');
});`;

const ATTEMPTS = 10;
const ATTEMPT_MS = 3_000;

/** @returns whether a client has reset a connection and made a new one from its port, in one turn of this process */
async function reusePort(port: number, file: string): Promise<boolean> {
  const child = spawn(process.execPath, ['-e', CLIENT, String(port), file]);
  client = child;
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.stdin.write('go');
  // Without a turn of the event loop, the server sees the end of the first connection together with the second one.
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const until = performance.now() + ATTEMPT_MS;
  let outcome = '';
  while (outcome === '' && performance.now() < until) {
    Atomics.wait(pause, 0, 0, 5);
    if (existsSync(file)) outcome = readFileSync(file, 'utf8');
  }
  if (outcome !== 'connected') child.kill('SIGKILL');
  return outcome === 'connected';
}

test.each(['hubPort', 'amqpPort', 'amqpsPort', 'mqttPort', 'proxyPort'] as const)(
  'close ends a connection whose client reused its port (%s)',
  async (name) => {
    const emulator: Emulator = await startEmulator({ caFolder: folder, proxyPort: 0, amqpsPort: 0 });
    let isReused = false;
    for (let attempt = 0; !isReused && attempt < ATTEMPTS; attempt++)
      isReused = await reusePort(emulator[name] ?? 0, join(folder, String(attempt)));
    expect(isReused).toBe(true);
    for (let turn = 0; turn < TURNS; turn++) await new Promise(setImmediate);
    await emulator.close();
    expect(emulator.health().status).not.toBe('ready');
  },
);
