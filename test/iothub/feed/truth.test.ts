import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type FeedClient,
  type FeedPage,
  describeFeedReadings,
  type PollOptions,
  openFeedClient,
} from '../../feedClient';
import type { FeedEndpoint } from '../../feedEndpoints';
import { runs } from '../../testSize';

const PARTITIONS = 4;

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describeFeedReadings({}, ({ endpoint: kind, reader }) => {
  let endpoint: FeedEndpoint;
  let feed: FeedClient;
  let admin: FeedEndpoint['admin'];
  beforeAll(async () => {
    endpoint = await kind.start({ partitions: PARTITIONS });
    admin = endpoint.admin;
    feed = openFeedClient(endpoint.settings, reader);
  });
  afterAll(async () => {
    feed.close();
    await endpoint.close();
  });
  beforeEach(async () => {
    await admin.clearFaults();
    await admin.recreateHub();
  });

  const poll = (after: string, options?: PollOptions): Promise<FeedPage> => feed.poll(after, options);

  /** Polls to the end. @returns the sequence numbers that came, by partition */
  async function readOn(after: string, limit: number): Promise<Record<string, number[]>> {
    const read: Record<string, number[]> = {};
    for (let cursor = after, more = true; more;) {
      const page = await poll(cursor, { limit });
      for (const { partitionId, sequenceNumber } of page.messages)
        (read[partitionId] ??= []).push(sequenceNumber);
      cursor = page.next_offset;
      more = page.has_more;
    }
    return read;
  }

  describe('what retention takes after the first poll is a gap', () => {
    test('in a partition that was empty then', async () => {
      const { next_offset: after } = await poll('0');
      await admin.seed({ count: 10, partitionId: '2' });
      await admin.expire({ partitionId: '2', keep: 3 });
      const { gaps, messages } = await poll(after);
      expect(gaps).toEqual([{ partitionId: '2', from: 0, to: 6 }]);
      expect(messages).toHaveLength(3);
    });

    test('in a partition that retention had emptied then', async () => {
      await admin.seed({ count: 5, partitionId: '2' });
      await admin.expire({ partitionId: '2', keep: 0 });
      const first = await poll('0');
      expect(first).toMatchObject({ messages: [], gaps: [], has_more: false });
      await admin.seed({ count: 10, partitionId: '2' });
      await admin.expire({ partitionId: '2', keep: 0 });
      const { gaps, has_more: more } = await poll(first.next_offset);
      expect([gaps, more]).toEqual([[{ partitionId: '2', from: 5, to: 14 }], false]);
    });

    test('in a partition that had no share of the limit then', async () => {
      await admin.seed({ count: 40 });
      await admin.expire({ partitionId: '3', keep: 8 });
      const { next_offset: after } = await poll('0', { limit: 1 });
      await admin.expire({ partitionId: '3', keep: 3 });
      expect((await poll(after)).gaps).toEqual([{ partitionId: '3', from: 2, to: 6 }]);
    });

    test('and what was gone before it, or is of a partition that no poll was for, is none', async () => {
      await admin.seed({ count: 40 });
      await admin.expire({ keep: 3 });
      const first = await poll('0', { partitions: ['0', '1'] });
      expect(first.gaps).toEqual([]);
      await admin.expire({ keep: 1 });
      expect((await poll(first.next_offset)).gaps).toEqual([]);
    });

    test('while the poll reads: it ends without what went, and the next one tells', async () => {
      const { next_offset: after } = await poll('0');
      await admin.seed({ count: 40 });
      await admin.armFault({ kind: 'slowPartition', partitionId: '1', delayMs: 3_600_000 });
      const polling = poll(after);
      await expect.poll(async () => (await admin.state()).partitions[1]?.readers, { interval: 2 }).toBe(1);
      await admin.expire({ partitionId: '1', keep: 0 });
      const answer = await polling;
      expect(answer).toMatchObject({ incomplete: [], has_more: true });
      expect(answer.messages).toHaveLength(30);
      const next = await poll(answer.next_offset);
      expect(next).toMatchObject({
        messages: [],
        has_more: false,
        gaps: [{ partitionId: '1', from: 0, to: 9 }],
      });
    });
  });

  describe('a plain offset', () => {
    test.each([1, 3, 10_000])(
      'goes on after it in each partition where it lies within, at limit=%d',
      async (limit) => {
        await admin.seed({ count: 80 });
        const { messages } = await poll('0');
        const offset =
          messages.find((one) => one.partitionId === '1' && one.sequenceNumber === 9)?.offset ?? '';
        // Seeded messages are all of one size, so that the offset is the tenth message's in each partition.
        const expected = Object.fromEntries(range(0, 3).map((id) => [String(id), range(10, 19)]));
        expect(await readOn(offset, limit)).toEqual(expected);
      },
    );

    test('is the end of a partition, within another, and beyond a third: that one is read from its beginning', async () => {
      await admin.seed({ count: 10, partitionId: '0' });
      await admin.seed({ count: 20, partitionId: '1' });
      await admin.seed({ count: 5, partitionId: '2' });
      const offset = (await admin.state()).partitions[0]?.lastOffset ?? '';
      expect(await readOn(offset, 1)).toEqual({ '1': range(10, 19), '2': range(0, 4) });
    });

    test('between two messages, where offsets jumped, begins with the later one', async () => {
      await admin.seed({ count: 5, partitionId: '0' });
      const offset = Number((await admin.state()).partitions[0]?.lastOffset);
      await admin.jumpOffset({ partitionId: '0', by: 1e12 });
      await admin.seed({ count: 5, partitionId: '0' });
      expect(await readOn(String(offset + 1_000), 2)).toEqual({ '0': range(5, 9) });
    });

    test('keeps its place in partitions that grow before they have a share', async () => {
      await admin.seed({ count: 2, partitionId: '0' });
      await admin.seed({ count: 10, partitionId: '1' });
      const offset = (await admin.state()).partitions[1]?.lastOffset ?? '';
      await admin.seed({ count: 5, partitionId: '2' });
      const { next_offset: after, messages } = await poll(offset, { limit: 1 });
      expect(messages).toMatchObject([{ partitionId: '0', sequenceNumber: 0 }]);
      await admin.seed({ count: 20, partitionId: '2' });
      expect(await readOn(after, 1)).toEqual({ '0': [1], '2': range(0, 24) });
    });
  });

  test('a partition that cannot be read keeps its position, and is named', async () => {
    await admin.seed({ count: 40 });
    const { next_offset: after } = await poll('0');
    await admin.seed({ count: 40 });
    await admin.armFault({ kind: 'attachError', condition: 'amqp:link:stolen', partitionId: '2' });
    const answer = await poll(after);
    expect(answer).toMatchObject({
      incomplete: [{ partitionId: '2', code: 'hub_unavailable' }],
      has_more: true,
      gaps: [],
    });
    expect(answer.messages).toHaveLength(30);
    await admin.clearFaults();
    expect(await readOn(answer.next_offset, 10_000)).toEqual({ '2': range(10, 19) });
  });

  describe('fairness', () => {
    test('whatever partitions and limits a sequence of polls has, none with news waits for more than a round', async () => {
      await admin.seed({ count: 20_000 });
      const subset = fc.uniqueArray(fc.nat({ max: PARTITIONS - 1 }), { minLength: 1, maxLength: PARTITIONS });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ subset, limit: fc.integer({ min: 1, max: 3 }) }), {
            minLength: 1,
            maxLength: 8,
          }),
          async (cycle) => {
            const waited = new Map<string, number>();
            let after = '0';
            for (let round = 0; round < 2; round += 1) {
              for (const one of cycle) {
                const partitions = one.subset.map(String);
                const answer = await poll(after, { limit: one.limit, partitions });
                expect(answer.messages).toHaveLength(one.limit);
                const served = new Set(answer.messages.map(({ partitionId }) => partitionId));
                for (const id of partitions) waited.set(id, served.has(id) ? 0 : (waited.get(id) ?? 0) + 1);
                expect(Math.max(...waited.values())).toBeLessThan(PARTITIONS);
                after = answer.next_offset;
              }
            }
          },
        ),
        { numRuns: reader === 'sdk' ? runs(2, 10) : runs(6, 50) },
      );
    });

    test('a partition that cannot be read does not keep the others from being read, even at limit=1', async () => {
      await admin.seed({ count: 40 });
      await admin.armFault({ kind: 'attachError', condition: 'amqp:link:stolen', partitionId: '0' });
      const read = new Set<string>();
      let after = '0';
      for (let polls = 0; polls < 6; polls += 1) {
        const { messages, next_offset: next, has_more: more } = await poll(after, { limit: 1 });
        expect([messages.length, more]).toEqual([1, true]);
        for (const { partitionId } of messages) read.add(partitionId);
        after = next;
      }
      expect([...read].sort()).toEqual(['1', '2', '3']);
      await admin.clearFaults();
      expect((await poll(after)).messages.filter(({ partitionId }) => partitionId === '0')).toHaveLength(10);
    });
  });
});
