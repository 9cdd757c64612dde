import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EventHubConsumerClient,
  type ReceivedEventData,
  type SubscribeOptions,
  earliestEventPosition,
} from '@azure/event-hubs';
import rhea from 'rhea';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/index';
import { FAULT_KINDS } from '../../emulator/faults';

let emulator: Emulator;
let caFolder: string;
let client: EventHubConsumerClient;
beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ hubPort: 0, amqpPort: 0, partitions: 2, caFolder });
});
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});
beforeEach(() => {
  emulator.admin.clearFaults();
  emulator.admin.recreateHub({ partitions: 2 });
  client = openClient();
});
afterEach(() => {
  emulator.admin.clearFaults();
  void client.close().catch(() => undefined); // after a failure it may never settle
});

/** Microsoft's own, which tries once. */
const openClient = (): EventHubConsumerClient =>
  new EventHubConsumerClient('$Default', emulator.connectionStrings.eventHub('service'), {
    retryOptions: { maxRetries: 0, timeoutInMs: 2_000 },
  });

/** Reads a partition until `count` events have come. @throws the first error that the SDK reports */
function read(
  partitionId: string,
  count: number,
  options: SubscribeOptions = {},
): Promise<ReceivedEventData[]> {
  const events: ReceivedEventData[] = [];
  return new Promise((resolve, reject) => {
    const subscription = client.subscribe(
      partitionId,
      {
        processEvents: async (batch: ReceivedEventData[]) => {
          events.push(...batch);
          if (events.length < count) return;
          resolve(events);
          await subscription.close();
        },
        processError: async (error: Error) => {
          reject(error);
          await subscription.close();
        },
      },
      { startPosition: earliestEventPosition, maxBatchSize: 100, ...options },
    );
  });
}

const readersOf = (partitionId: string): number | undefined =>
  emulator.admin.state().partitions.find((one) => one.partitionId === partitionId)?.readers;

describe("what the admin API does, Microsoft's SDK sees:", () => {
  test('retention removes old messages, or all', async () => {
    emulator.admin.seed({ count: 10, partitionId: '0' });
    emulator.admin.expire({ partitionId: '0', keep: 4 });
    expect(await client.getPartitionProperties('0')).toMatchObject({
      beginningSequenceNumber: 6,
      lastEnqueuedSequenceNumber: 9,
      isEmpty: false,
    });
    expect((await read('0', 4)).map(({ sequenceNumber }) => sequenceNumber)).toEqual([6, 7, 8, 9]);
    emulator.admin.expire({ partitionId: '0', upToSequenceNumber: 9 });
    expect(await client.getPartitionProperties('0')).toMatchObject({
      lastEnqueuedSequenceNumber: 9,
      isEmpty: true,
    });
  });

  test('offsets jump, and sequence numbers do not', async () => {
    emulator.admin.seed({ count: 2, partitionId: '0' });
    emulator.admin.jumpOffset({ partitionId: '0', by: 1e12 });
    emulator.admin.seed({ count: 1, partitionId: '0' });
    const [, second, third] = await read('0', 3);
    expect(third?.sequenceNumber).toBe(2);
    expect(Number(third?.offset) - Number(second?.offset)).toBeGreaterThan(1e12);
    const after = await read('0', 1, { startPosition: { offset: second?.offset ?? '' } });
    expect(after.map(({ sequenceNumber }) => sequenceNumber)).toEqual([2]);
  });

  test('a recreated hub is another hub, with the requested number of partitions', async () => {
    const before = await client.getEventHubProperties();
    emulator.admin.recreateHub({ partitions: 3 });
    void client.close().catch(() => undefined);
    client = openClient();
    const now = await client.getEventHubProperties();
    expect(now.partitionIds).toEqual(['0', '1', '2']);
    expect(now.createdOn.getTime()).toBeGreaterThan(before.createdOn.getTime());
  });

  test('readers beyond the quota are rejected', async () => {
    emulator.admin.armFault({ kind: 'readerQuota', max: 0 });
    await expect(read('0', 1)).rejects.toMatchObject({ code: 'QuotaExceededError' });
    emulator.admin.clearFaults();
    emulator.admin.seed({ count: 1, partitionId: '0' });
    expect(await read('0', 1)).toHaveLength(1);
  });

  test('$management is busy as often as requested', async () => {
    emulator.admin.armFault({ kind: 'serverBusy', times: 1 });
    await expect(client.getPartitionProperties('0')).rejects.toMatchObject({ code: 'ServerBusyError' });
    expect(await client.getPartitionProperties('0')).toMatchObject({ partitionId: '0' });
    expect(emulator.admin.faults()).toEqual([]);
  });

  test.each(['freeze', 'hangManagement'])('$management is silent after %s', async (kind) => {
    await client.getPartitionProperties('0');
    emulator.admin.armFault({ kind });
    await expect(client.getPartitionProperties('0')).rejects.toMatchObject({ code: 'OperationTimeoutError' });
    emulator.admin.clearFaults();
    expect(await client.getPartitionProperties('0')).toMatchObject({ partitionId: '0' });
  });

  test('a link is rejected, or detached, with the given condition', async () => {
    const condition = 'amqp:link:stolen';
    emulator.admin.armFault({ kind: 'attachError', times: 1, partitionId: '0', condition });
    await expect(read('0', 1)).rejects.toMatchObject({ code: 'ReceiverDisconnectedError' });
    const reading = read('0', 1);
    await expect.poll(() => readersOf('0')).toBe(1);
    expect(emulator.admin.armFault({ kind: 'detachLinks', partitionId: '1', condition })).toEqual({
      affected: 0,
    });
    expect(emulator.admin.armFault({ kind: 'detachLinks', partitionId: '0', condition })).toEqual({
      affected: 1,
    });
    await expect(reading).rejects.toMatchObject({ code: 'ReceiverDisconnectedError' });
  });

  test('a slow partition delays its messages, and no other partition does', async () => {
    emulator.admin.seed({ count: 2 });
    emulator.admin.armFault({ kind: 'slowPartition', partitionId: '0', delayMs: 3_600_000 });
    const slow: ReceivedEventData[] = [];
    void read('0', 1).then(
      (events) => slow.push(...events),
      () => undefined,
    );
    await expect.poll(() => readersOf('0')).toBe(1);
    expect(await read('1', 1)).toHaveLength(1);
    expect(slow).toEqual([]);
  });
});

/** What happens to a bare connection: the SDK hides it, or trips over it. */
test.each([
  ['closeConnections', 'connection_close'],
  ['resetConnections', 'disconnected'],
])('%s ends each connection by %s', async (kind, event) => {
  const connection = rhea
    .create_container()
    .connect({ host: '127.0.0.1', port: emulator.amqpPort, username: 'anonymous', reconnect: false });
  await new Promise((resolve) => connection.once('connection_open', resolve));
  const ended = new Promise((resolve) => connection.once(event, resolve));
  expect(emulator.admin.armFault({ kind })).toEqual({ affected: 1 });
  await ended;
});

describe('a fault', () => {
  test.each<[{ kind: string; [field: string]: unknown }, string]>([
    [{ kind: 'flood' }, "unknown fault kind 'flood'"],
    [{ kind: 'readerQuota' }, 'max: '],
    [{ kind: 'readerQuota', max: -1 }, 'max: '],
    [{ kind: 'serverBusy', times: 0 }, 'times: '],
    [{ kind: 'slowPartition', partitionId: '0', delayMs: 'long' }, 'delayMs: '],
    [{ kind: 'slowPartition', partitionId: '7' }, "there is no partition '7'"],
    [{ kind: 'detachLinks', partitionId: '7' }, "there is no partition '7'"],
    [{ kind: 'attachError', condition: '' }, 'condition: '],
    [{ kind: 'freeze', forever: true }, 'forever'],
  ])('%j is refused, with what is wrong', (fault, reason) => {
    expect(() => emulator.admin.armFault(fault)).toThrow(reason);
    expect(emulator.admin.faults()).toEqual([]);
  });

  test('of each kind is in the documentation', () => {
    const text = readFileSync('docs/emulator.md', 'utf8');
    for (const kind of FAULT_KINDS) expect(text).toContain(`\`${kind}\``);
  });
});
