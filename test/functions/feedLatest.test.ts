import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ partitions: 4 });
  stack.emulator.admin.seed({ count: 10, partitionId: '0' });
  stack.emulator.admin.seed({ count: 5, partitionId: '1' });
});
afterAll(() => stack.close());

const count = ({ json }: Awaited<ReturnType<Stack['feed']>>): number => json.messages.length as number;

describe('after_offset=@latest', () => {
  test('begins after the existing messages, in full and empty partitions of this worker', async () => {
    const begin = await stack.feed({ after_offset: '@latest' });
    expect(begin.json).toMatchObject({ messages: [], has_more: false, gaps: [], incomplete: [] });
    for (const partitionId of ['0', '1', '2']) stack.emulator.admin.seed({ count: 2, partitionId });
    const next = await stack.feed({ after_offset: begin.json.next_offset });
    expect(next.json.messages.map((m: { partitionId: string }) => m.partitionId).sort()).toEqual([
      ...['0', '0', '1', '1', '2', '2'],
    ]);
    expect(next.json.gaps).toEqual([]);
    const partly = await stack.feed({ after_offset: '@latest', partitions: '1,3' });
    expect(count(await stack.feed({ after_offset: partly.json.next_offset, partitions: '1,3' }))).toBe(0);
    expect(count(await stack.feed({ after_offset: partly.json.next_offset }))).toBe(14);
  });

  test('with a wait returns the first message that arrives, even between two checks', async () => {
    const waiting = stack.feed({ after_offset: '@latest', wait: 20 });
    const seeding = setInterval(() => {
      stack.emulator.admin.seed({ count: 1, partitionId: '3' });
    }, 300);
    const { json } = await waiting;
    clearInterval(seeding);
    expect(json.messages.length).toBeGreaterThan(0);
  });

  test('works after a partition was emptied', async () => {
    stack.emulator.admin.expire({ partitionId: '0', keep: 0 });
    const begin = await stack.feed({ after_offset: '@latest' });
    expect(begin.json).toMatchObject({ messages: [], has_more: false, gaps: [] });
    stack.emulator.admin.seed({ count: 3, partitionId: '0' });
    expect(count(await stack.feed({ after_offset: begin.json.next_offset }))).toBe(3);
  });
});

test('after_offset=-1 means the beginning, like 0 and an absent parameter', async () => {
  const all = await stack.feed({ limit: 10_000 });
  for (const after_offset of ['-1', '0', '']) {
    const { json } = await stack.feed({ after_offset, limit: 10_000 });
    expect(json.messages).toEqual(all.json.messages);
  }
});
