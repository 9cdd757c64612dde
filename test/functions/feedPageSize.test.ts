import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { useSensorFeed } from './sensorFeed';

const feed = useSensorFeed();

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
    async (_, { partitions, count, sizeBytes }) => {
      feed.stack.emulator.admin.recreateHub({ keepDevices: true, partitions });
      feed.stack.emulator.admin.seed({ count, sizeBytes });
      const seen = new Map<string, number[]>();
      let after = '0';
      for (let more = true; more;) {
        const { text, json } = await feed.stack.feed({ after_offset: after, limit: 10_000 });
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8_000_000);
        expect(json.gaps).toEqual([]);
        for (const { partitionId, sequenceNumber } of json.messages as {
          partitionId: string;
          sequenceNumber: number;
        }[]) {
          seen.set(partitionId, [...(seen.get(partitionId) ?? []), sequenceNumber]);
        }
        after = json.next_offset as string;
        more = json.has_more as boolean;
      }
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

  test('ends early too where messages grow sixfold when they are written', async () => {
    // Control characters take six bytes each in JSON: no message of IoT Hub's 256 KB comes near to 8 MB.
    for (let i = 0; i < 7; i += 1) await feed.send('\u0001'.repeat(250_000));
    let read = 0;
    let after = '0';
    for (let more = true; more;) {
      const { text, json } = await feed.stack.feed({ after_offset: after });
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8_000_000);
      read += json.messages.length as number;
      after = json.next_offset as string;
      more = json.has_more as boolean;
    }
    expect(read).toBe(7);
  });

  test('takes messages that grow sixfold when they are written', async () => {
    // Control characters take six bytes each in JSON; the message itself is within IoT Hub's 256 KB.
    await feed.send('\u0001'.repeat(200_000));
    await feed.send(randomBytes(200_000));
    const { json } = await feed.stack.feed();
    expect(json.messages).toHaveLength(2);
  });
});
