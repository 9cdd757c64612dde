// @module-tag full

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventHubConsumerClient, type Subscription, earliestEventPosition } from '@azure/event-hubs';
import { BlobCheckpointStore } from '@azure/eventhubs-checkpointstore-blob';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/index';
import type { Child } from '../../local/childProcess';
import { startBlobStorage, storageConnection } from '../../local/products';
import { freePort } from '../freePort';

const PARTITIONS = 4;
const FAST = { updateIntervalInMs: 200, partitionOwnershipExpirationIntervalInMs: 1_000 };

let emulator: Emulator;
let caFolder: string;
let storage: Child;
let container: ContainerClient;
beforeAll(async () => {
  const blobPort = await freePort();
  storage = startBlobStorage(blobPort, console.error);
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ partitions: PARTITIONS, caFolder });
  await storage.ready;
  container = BlobServiceClient.fromConnectionString(storageConnection(blobPort)).getContainerClient(
    'checkpoints',
  );
  await container.create();
});
afterAll(async () => {
  await Promise.all([storage.close(), emulator.close()]);
  await rm(caFolder, { recursive: true, force: true });
});

interface Consumer {
  /** `partition:sequence number` of each message, as it came. */
  readonly read: string[];
  /** Partitions that it reads now. */
  readonly owned: Set<string>;
  stop(): Promise<void>;
}

/** A consumer as in Microsoft's samples: it shares the partitions with others and keeps a checkpoint of each batch. */
function startConsumer(): Consumer {
  const client = new EventHubConsumerClient(
    'message-feed',
    emulator.connectionStrings.eventHub('service'),
    new BlobCheckpointStore(container),
    { loadBalancingOptions: { strategy: 'greedy', ...FAST } },
  );
  const read: string[] = [];
  const owned = new Set<string>();
  const subscription: Subscription = client.subscribe(
    {
      processInitialize: ({ partitionId }) => {
        owned.add(partitionId);
        return Promise.resolve();
      },
      processClose: (_, { partitionId }) => {
        owned.delete(partitionId);
        return Promise.resolve();
      },
      processEvents: async (events, context) => {
        const last = events.at(-1);
        if (!last) return;
        read.push(...events.map(({ sequenceNumber }) => `${context.partitionId}:${sequenceNumber}`));
        await context.updateCheckpoint(last);
      },
      processError: () => Promise.resolve(), // a partition that another consumer has taken
    },
    { startPosition: earliestEventPosition, maxBatchSize: 50, maxWaitTimeInSeconds: 1 },
  );
  return {
    read,
    owned,
    stop: async () => {
      await subscription.close();
      await client.close();
    },
  };
}

const expected = (from: number, to: number): string[] =>
  Array.from({ length: PARTITIONS }, (_, id) =>
    Array.from({ length: to - from }, (_, n) => `${id}:${from + n}`),
  ).flat();
const distinct = (...consumers: Consumer[]) => [...new Set(consumers.flatMap(({ read }) => read))].sort();
const seed = (perPartition: number) => emulator.admin.seed({ count: perPartition * PARTITIONS });

test('@azure/event-hubs with BlobCheckpointStore: two consumers share the partitions, and continue after a restart', async () => {
  const patience = { timeout: 50_000 };
  seed(20);
  const first = startConsumer();
  await expect.poll(() => distinct(first), patience).toEqual(expected(0, 20).sort());
  expect(first.owned.size).toBe(PARTITIONS);

  const second = startConsumer();
  await expect.poll(() => [first.owned.size, second.owned.size], patience).toEqual([2, 2]);
  expect(new Set([...first.owned, ...second.owned]).size).toBe(PARTITIONS);
  seed(20);
  await expect.poll(() => distinct(first, second), patience).toEqual(expected(0, 40).sort());
  await Promise.all([first.stop(), second.stop()]);

  seed(20);
  const restarted = startConsumer();
  await expect.poll(() => restarted.read.length, patience).toBeGreaterThanOrEqual(20 * PARTITIONS);
  expect(distinct(restarted)).toEqual(expected(40, 60).sort());
  expect(restarted.read).toHaveLength(20 * PARTITIONS);
  await restarted.stop();
});
