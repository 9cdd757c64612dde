import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type FeedClient, type FeedReading, describeFeedReadings, openFeedClient } from '../../feedClient';
import type { FeedEndpoint } from '../../feedEndpoints';
import { runs } from '../../testSize';

const FREEZE_MS = runs(0, 5_000);
const TIME_LIMIT_MS = FREEZE_MS + 90_000;

/** A worker of an endpoint of its own: these tests wait for deadlines, and do so at the same time. */
async function withWorker(
  { endpoint: kind, reader }: FeedReading,
  work: (admin: FeedEndpoint['admin'], poll: () => Promise<number>) => Promise<void>,
): Promise<void> {
  const endpoint = await kind.start({ partitions: 4 });
  const feed: FeedClient = openFeedClient(endpoint.settings, reader);
  let after = '0';
  try {
    await work(endpoint.admin, async () => {
      const page = await feed.poll(after);
      after = page.next_offset;
      return page.messages.length;
    });
  } finally {
    feed.close();
    await endpoint.close();
  }
}

describeFeedReadings({ concurrent: true }, (reading) => {
  test('a hub that froze is reported in time, and read on when it is back', { timeout: TIME_LIMIT_MS }, () =>
    withWorker(reading, async (admin, poll) => {
      await admin.seed({ count: 8 });
      expect(await poll()).toBe(8);
      await admin.armFault({ kind: 'freeze' });
      await expect(poll()).rejects.toMatchObject({ code: 'hub_timeout', status: 504 });
      await delay(FREEZE_MS);
      await admin.clearFaults();
      await admin.seed({ count: 100 });
      const read = await poll().catch(() => poll());
      expect(read).toBe(100);
    }),
  );

  test(
    'a request that the hub never answers delays a poll, and does not fail it',
    { timeout: TIME_LIMIT_MS },
    () =>
      withWorker(reading, async (admin, poll) => {
        expect(await poll()).toBe(0);
        await admin.seed({ count: 100 });
        await admin.armFault({ kind: 'hangManagement', times: 1 });
        expect(await poll()).toBe(100);
      }),
  );

  test('a slow partition holds back neither the others nor the page', { timeout: TIME_LIMIT_MS }, () =>
    withWorker(reading, async (admin, poll) => {
      await admin.seed({ count: 400 });
      await admin.armFault({ kind: 'slowPartition', partitionId: '1', delayMs: 60_000 });
      expect(await poll()).toBe(300);
      await admin.clearFaults();
      expect(await poll()).toBe(100);
    }),
  );
});
