import { setTimeout as delay } from 'node:timers/promises';
import { EventHubConsumerClient, type Subscription } from '@azure/event-hubs';

/** The time that the proof of concept waited in every poll. */
const WAIT_MS = 5_000;

/**
 * The design of the proof of concept: a client per poll, which reads every partition after the same offset for five
 * seconds, with Microsoft's SDK.
 *
 * @param afterOffset `'-1'` for the beginning
 * @returns the messages, and the offset for the next poll, which is the largest one in them
 */
export async function pollAsTheOriginal(
  connectionString: string,
  group: string,
  afterOffset: string,
): Promise<{ messages: { partitionId: string; sequenceNumber: number }[]; nextOffset: string }> {
  const client = new EventHubConsumerClient(group, connectionString);
  const messages: { partitionId: string; sequenceNumber: number }[] = [];
  let nextOffset = afterOffset;
  const subscriptions: Subscription[] = (await client.getPartitionIds()).map((partitionId) =>
    client.subscribe(
      partitionId,
      {
        processEvents: (events) => {
          for (const { sequenceNumber, offset } of events) {
            messages.push({ partitionId, sequenceNumber });
            if (Number(offset) > Number(nextOffset)) nextOffset = offset;
          }
          return Promise.resolve();
        },
        processError: () => Promise.resolve(), // errors of partitions that end before the offset are only logged
      },
      { startPosition: { offset: afterOffset }, maxBatchSize: 100 },
    ),
  );
  await delay(WAIT_MS);
  await Promise.all(subscriptions.map((subscription) => subscription.close()));
  await client.close();
  return { messages, nextOffset };
}
