import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { feedPages, readSequenceNumbers } from '../feedPages';
import type { Answer } from '../stack';
import { useSensorFeed } from './sensorFeed';

/** The size of a response, but for a single larger message. */
const MAX_PAGE_BYTES = 8_000_000;

const feed = useSensorFeed();

/** All pages of the feed, of which none is too large or has a gap. */
async function* checkedPages(query?: { limit: number }): AsyncGenerator<Answer> {
  for await (const page of feedPages(feed.stack, query)) {
    expect(Buffer.byteLength(page.text)).toBeLessThanOrEqual(MAX_PAGE_BYTES);
    expect(page.json.gaps).toEqual([]);
    yield page;
  }
}

describe('a page of the feed', () => {
  test.each([
    ['many large messages', { partitions: 2, count: 150, sizeBytes: 100_000 }],
    ['as many small ones as there may be', { partitions: 4, count: 12_000, sizeBytes: 400 }],
    [
      'a message a partition that together are too many',
      { partitions: 32, count: 96, sizeBytes: 256 * 1024 },
    ],
  ])(
    'of %s holds 8 MB at the most, and goes on with the next',
    { tags: 'full' },
    async (_, { partitions, count, sizeBytes }) => {
      feed.stack.emulator.admin.recreateHub({ keepDevices: true, partitions });
      feed.stack.emulator.admin.seed({ count, sizeBytes });
      const seen = await readSequenceNumbers(checkedPages({ limit: 10_000 }));
      expect(seen.size).toBe(partitions);
      const all = Array.from({ length: count / partitions }, (_, number) => number);
      for (const numbers of seen.values()) expect(numbers).toEqual(all);
    },
  );

  test('that ends in the middle of a partition goes on just there', async () => {
    feed.stack.emulator.admin.recreateHub({ keepDevices: true, partitions: 30 });
    for (let id = 0; id < 29; id += 1) {
      feed.stack.emulator.admin.seed({ count: 1, sizeBytes: 256 * 1024, partitionId: String(id) });
    }
    feed.stack.emulator.admin.seed({ count: 5, sizeBytes: 51_000, partitionId: '29' });
    const { json } = await feed.stack.feed();
    expect(json.has_more).toBe(true);
    const ofLast = (messages: { partitionId: string; sequenceNumber: number }[]): number[] =>
      messages.filter((one) => one.partitionId === '29').map((one) => one.sequenceNumber);
    expect(ofLast(json.messages)).toEqual([0, 1, 2, 3]);
    const rest = await feed.stack.feed({ after_offset: json.next_offset });
    expect(ofLast(rest.json.messages)).toEqual([4]);
  });

  test('ends early too where messages grow sixfold when they are written', { tags: 'full' }, async () => {
    // Control characters take six bytes each in JSON: no message of IoT Hub's 256 KB comes near to 8 MB.
    for (let i = 0; i < 7; i += 1) await feed.send('\u0001'.repeat(250_000));
    let read = 0;
    for await (const { json } of checkedPages()) read += json.messages.length as number;
    expect(read).toBe(7);
  });

  test('takes messages that grow sixfold when they are written', { tags: 'full' }, async () => {
    // Control characters take six bytes each in JSON; the message itself is within IoT Hub's 256 KB.
    await feed.send('\u0001'.repeat(200_000));
    await feed.send(randomBytes(200_000));
    const { json } = await feed.stack.feed();
    expect(json.messages).toHaveLength(2);
  });
});
