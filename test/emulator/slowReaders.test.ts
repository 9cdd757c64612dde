// @module-tag full

import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { earliestEventPosition, EventHubConsumerClient } from '@azure/event-hubs';
import rhea from 'rhea';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Emulator, POLICIES, startEmulator } from '../../emulator/index';

const MESSAGES = 200;
const MESSAGE_BYTES = 200_000;
const SLOW_READERS = 4;
const MB = 1_000_000;
/** What all slow readers would keep in memory without a limit. */
const BACKLOG_MB = (SLOW_READERS * MESSAGES * MESSAGE_BYTES) / MB;

let emulator: Emulator;
let caFolder: string;
beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ partitions: 1, caFolder });
});
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

/** Bytes of all buffers that are in use. Without a collection, buffers that nobody uses any more would count too. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** Attaches a receiver with as much credit as AMQP allows, and stops reading from the connection. */
async function attachSlowReader(): Promise<Socket> {
  const connection = rhea.create_container().connect({
    ...{ host: '127.0.0.1', port: emulator.amqpPort, reconnect: false },
    ...{ username: 'service', password: POLICIES.service.key },
  });
  connection.on('disconnected', () => undefined);
  const session = connection.create_session();
  (session as unknown as { begin: (options: object) => void }).begin({ incoming_window: 2 ** 31 - 1 });
  const receiver = session.open_receiver({
    source: {
      address: 'hubfront/ConsumerGroups/$Default/Partitions/0',
      filter: rhea.filter.selector("amqp.annotation.x-opt-offset > '-1'"),
    },
    // With the metric, the emulator makes a copy of each message for each reader.
    desired_capabilities: 'com.microsoft:enable-receiver-runtime-metric',
    credit_window: 0,
  });
  receiver.add_credit(2 ** 31 - 1);
  const { socket } = connection as unknown as { socket: Socket };
  await new Promise((resolve) => receiver.once('receiver_open', resolve));
  socket.pause();
  return socket;
}

/** Reads the whole partition. Until then, the readers that do not read have had their turns. */
async function readAll(): Promise<number> {
  const client = new EventHubConsumerClient('analytics', emulator.connectionStrings.eventHub('service'));
  let count = 0;
  await new Promise<void>((resolve, reject) => {
    client.subscribe(
      '0',
      {
        processEvents: (events) => {
          count += events.length;
          if (count >= MESSAGES) resolve();
          return Promise.resolve();
        },
        processError: (error) => {
          reject(error);
          return Promise.resolve();
        },
      },
      { startPosition: earliestEventPosition },
    );
  });
  await client.close();
  return count;
}

test('memory stays flat when AMQP readers do not read, and other readers get all messages', async () => {
  emulator.admin.seed({ count: MESSAGES, sizeBytes: MESSAGE_BYTES });
  expect(await readAll()).toBe(MESSAGES); // what a client needs once stays with it
  const before = usedBytes();
  const slow = await Promise.all(Array.from({ length: SLOW_READERS }, attachSlowReader));
  expect(await readAll()).toBe(MESSAGES);
  const growthMb = (usedBytes() - before) / MB;
  for (const socket of slow) socket.destroy();
  expect(growthMb).toBeLessThan(BACKLOG_MB / 2);
});

test('a reader that reads again gets the messages that waited for it', async () => {
  const socket = await attachSlowReader();
  let bytes = 0;
  socket.on('data', (data: Buffer) => (bytes += data.length));
  socket.resume();
  await expect.poll(() => bytes).toBeGreaterThan(MESSAGES * MESSAGE_BYTES);
  socket.destroy();
});
