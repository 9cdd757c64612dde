import { setTimeout as delay } from 'node:timers/promises';
import { EventHubConsumerClient, type Subscription } from '@azure/event-hubs';

/** What the original waited in every poll, whatever there was. */
const WAIT_MS = 5_000;

/**
 * The design that the feed replaces: a client for each poll, every partition read after one and the same offset, for
 * five seconds, through Microsoft's SDK.
 *
 * @param afterOffset `'-1'` for the beginning
 * @returns the messages, and the offset that the next poll is to read after: the largest that was seen
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
        processError: () => Promise.resolve(), // logged, and no more: partitions shorter than the offset
      },
      { startPosition: { offset: afterOffset }, maxBatchSize: 100 },
    ),
  );
  await delay(WAIT_MS);
  await Promise.all(subscriptions.map((subscription) => subscription.close()));
  await client.close();
  return { messages, nextOffset };
}
