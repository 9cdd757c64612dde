import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack';

const PARTITIONS = 4;
const RUNS = Number(process.env.FEED_RUNS ?? 60);

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ partitions: PARTITIONS });
});
afterAll(() => stack.close());

const partition = fc.integer({ min: 0, max: PARTITIONS - 1 }).map(String);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('seed' as const),
      partition,
      count: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('expire' as const), partition, keep: fc.nat({ max: 10 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('jump' as const),
      partition,
      by: fc.integer({ min: 1, max: 1_000_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('drop' as const),
      kind: fc.constantFrom('closeConnections', 'resetConnections'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('poll' as const),
      limit: fc.integer({ min: 1, max: 60 }),
      only: fc.option(fc.uniqueArray(partition, { minLength: 1 }), { nil: undefined }),
    }),
  },
);

/** What a reader has of each partition: sequence numbers of messages, and of gaps. */
type Seen = Map<string, number[]>;

async function poll(
  after: string,
  seen: Seen,
  query: Record<string, string | number>,
): Promise<{ next: string; more: boolean }> {
  const { status, json, text } = await stack.feed({ after_offset: after, ...query });
  expect([status, text.slice(0, 200)]).toEqual([200, expect.anything()]);
  expect(json.reset).toBeUndefined();
  const of = (id: string): number[] => seen.get(id) ?? seen.set(id, []).get(id) ?? [];
  for (const { partitionId, from, to } of json.gaps) {
    for (let number = from as number; number <= to; number += 1) of(partitionId).push(number);
  }
  for (const { partitionId, sequenceNumber } of json.messages) of(partitionId).push(sequenceNumber);
  return { next: json.next_offset, more: json.has_more };
}

test('whatever is sent, expired, cut off and asked for, a reader has each message once, or its gap, and then no more', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      stack.emulator.admin.recreateHub();
      // From one message each, so that what retention takes before the first read counts as a gap too.
      for (let id = 0; id < PARTITIONS; id += 1)
        stack.emulator.admin.seed({ count: 1, partitionId: String(id) });
      const seen: Seen = new Map();
      let { next } = await poll('0', seen, { limit: 100 });
      for (const one of steps) {
        if (one.do === 'seed') stack.emulator.admin.seed({ count: one.count, partitionId: one.partition });
        else if (one.do === 'expire')
          stack.emulator.admin.expire({ partitionId: one.partition, keep: one.keep });
        else if (one.do === 'jump')
          stack.emulator.admin.jumpOffset({ partitionId: one.partition, by: one.by });
        else if (one.do === 'drop') stack.emulator.admin.armFault({ target: 'eventHub', kind: one.kind });
        else
          ({ next } = await poll(next, seen, {
            limit: one.limit,
            ...(one.only && { partitions: one.only.join(',') }),
          }));
      }
      for (let more = true; more;) ({ next, more } = await poll(next, seen, { limit: 37 }));
      for (const { partitionId, lastSequenceNumber } of stack.emulator.admin.state().partitions) {
        const all = Array.from({ length: lastSequenceNumber + 1 }, (_, number) => number);
        expect([...(seen.get(partitionId) ?? [])].sort((a, b) => a - b)).toEqual(all);
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 100_000 },
  );
}, 120_000);
