import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FunctionsHost, startFunctionsHost } from '../../local/functionsHost';
import { feedPages, readSequenceNumbers } from '../feedPages';
import { type Answer, KEY, type Stack, call, startStack } from '../stack';

const PARTITIONS = 8;

let stack: Stack;
/** A second instance of the app before the same hub. */
let other: FunctionsHost;
beforeAll(async () => {
  stack = await startStack({ partitions: PARTITIONS });
  other = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    functionKeys: { master: KEY },
    log: (line) => stack.logged.push(line),
    settings: () => stack.settings,
  });
});
afterAll(async () => {
  await other.close();
  await stack.close();
});
beforeEach(() => {
  stack.emulator.admin.recreateHub();
  stack.emulator.admin.clearFaults();
});

const otherFeed = (query: string): Promise<Answer> =>
  call(`${other.url}/api/message_feed${query}`, { headers: { 'x-functions-key': KEY } });

/** Settles once a reader waits on that partition. */
const readerOn = (partitionId: string): Promise<void> =>
  expect
    .poll(
      () => stack.emulator.admin.state().partitions.find((one) => one.partitionId === partitionId)?.readers,
      { interval: 5 },
    )
    .toBeGreaterThan(0);

describe('a poll that waits', () => {
  test('returns the first message, to all waiting polls', async () => {
    const waiting = Array.from({ length: 10 }, () => stack.feed({ wait: 30 }));
    waiting.push(otherFeed('?wait=30'));
    await readerOn('3');
    stack.emulator.admin.seed({ count: 1, partitionId: '3' });
    for (const { json } of await Promise.all(waiting)) expect(json.messages).toHaveLength(1);
  });

  test('returns only for messages in its own partitions', async () => {
    const waiting = stack.feed({ wait: 30, partitions: '1,2' });
    await readerOn('2');
    stack.emulator.admin.seed({ count: 5, partitionId: '0' });
    stack.emulator.admin.seed({ count: 1, partitionId: '2' });
    const { json } = await waiting;
    expect(json.messages).toMatchObject([{ partitionId: '2' }]);
  });

  test('returns an empty page after its time, with a usable cursor', async () => {
    const { status, json } = await stack.feed({ wait: 1 });
    expect(status).toBe(200);
    expect(json).toMatchObject({ messages: [], has_more: false, gaps: [], incomplete: [] });
    stack.emulator.admin.seed({ count: 3 });
    expect((await stack.feed({ after_offset: json.next_offset })).json.messages).toHaveLength(3);
  });

  test.each(['closeConnections', 'resetConnections', 'detachLinks'])(
    'still sees the message after %s',
    async (kind) => {
      const waiting = stack.feed({ wait: 30 });
      await readerOn('0');
      stack.emulator.admin.armFault({ target: 'eventHub', kind });
      stack.emulator.admin.seed({ count: 1, partitionId: '0' });
      expect((await waiting).json.messages).toHaveLength(1);
    },
  );

  test.each([0, 5])(
    'asks the hub about once a second, however many wait, with places for %d readers',
    { tags: 'full' },
    async (max) => {
      const { admin } = stack.emulator;
      await stack.feed();
      admin.armFault({ kind: 'readerQuota', max });
      const before = admin.state().requests.management;
      const answers = await Promise.all(Array.from({ length: 20 }, () => stack.feed({ wait: 2 })));
      for (const { json } of answers) expect(json).toMatchObject({ messages: [], has_more: false });
      const snapshots = (admin.state().requests.management - before) / (PARTITIONS + 1);
      // Each alone would look three times. One look is what those share who come together, which on a busy machine
      // are not all twenty.
      expect(snapshots).toBeLessThan((20 * 3) / 2);
    },
  );

  test('returns a message as soon as a reader is free', async () => {
    const quota = stack.emulator.admin.armFault({ kind: 'readerQuota', max: 0 });
    const waiting = stack.feed({ wait: 30 });
    stack.emulator.admin.seed({ count: 1, partitionId: '4' });
    await expect.poll(() => stack.emulator.admin.state().requests.management).toBeGreaterThan(0);
    if ('id' in quota) stack.emulator.admin.clearFaults(quota.id);
    expect((await waiting).json.messages).toHaveLength(1);
  });

  test('does not leave readers open', async () => {
    const waiting = stack.feed({ wait: 30 });
    await readerOn('7');
    stack.emulator.admin.seed({ count: 1, partitionId: '0' });
    await waiting;
    await expect
      .poll(() => stack.emulator.admin.state().partitions.reduce((sum, { readers }) => sum + readers, 0))
      .toBe(0);
  });
});

describe('many workers at once', () => {
  test(
    'each get all messages once, through one instance and through two, with others waiting',
    { tags: 'full' },
    async () => {
      stack.emulator.admin.seed({ count: 400 });
      const feeds = [(query: string) => stack.feedAt(query), otherFeed];
      /** Reads to the end: where the machine is slow, a page ends at its deadline and the next one goes on. */
      const readAll = async (feed: (query: string) => Promise<Answer>): Promise<string[]> => {
        const numbers: string[] = [];
        let after = '0';
        for (let more = true; more;) {
          const { status, json } = await feed(`?limit=10000&after_offset=${after}`);
          if (status >= 429) continue;
          expect(status).toBe(200);
          for (const { partitionId, sequenceNumber } of json.messages)
            numbers.push(`${partitionId}:${sequenceNumber}`);
          after = json.next_offset as string;
          more = json.has_more as boolean;
        }
        return numbers;
      };
      const end = (await stack.feed({ limit: 10_000 })).json.next_offset as string;
      const waiting = Array.from({ length: 5 }, () => stack.feed({ wait: 30, after_offset: end }));
      await readerOn('7');
      const read = await Promise.all(
        Array.from({ length: 20 }, (_, i) => readAll(feeds[i % 2] ?? otherFeed)),
      );
      for (const numbers of read) expect([numbers.length, new Set(numbers).size]).toEqual([400, 400]);
      stack.emulator.admin.seed({ count: 1 });
      for (const { json } of await Promise.all(waiting)) expect(json.messages).toHaveLength(1);
    },
  );

  test('share out the partitions, each with a cursor of its own', async () => {
    stack.emulator.admin.seed({ count: 800 });
    const read = await Promise.all(
      ['0,1', '2,3', '4,5', '6,7'].map(async (partitions) => {
        const numbers = await readSequenceNumbers(feedPages(stack, { partitions, limit: 60 }));
        return [...numbers].flatMap(([id, of]) => of.map((number) => `${id}:${number}`));
      }),
    );
    expect(read.map(({ length }) => length)).toEqual([200, 200, 200, 200]);
    expect(new Set(read.flat()).size).toBe(800);
  });

  test(
    'get partitions without a free reader in incomplete, and read them later',
    { tags: 'full' },
    async () => {
      stack.emulator.admin.seed({ count: 80 });
      const quota = stack.emulator.admin.armFault({
        target: 'eventHub',
        kind: 'attachError',
        condition: 'amqp:resource-limit-exceeded',
        partitionId: '5',
      });
      const { json } = await stack.feed();
      expect(json.incomplete).toEqual([{ partitionId: '5', code: 'hub_throttled' }]);
      expect(json.has_more).toBe(true);
      expect(json.messages).toHaveLength(70);
      if ('id' in quota) stack.emulator.admin.clearFaults(quota.id);
      const rest = await stack.feed({ after_offset: json.next_offset });
      expect(rest.json.messages).toHaveLength(10);
      expect(rest.json.has_more).toBe(false);
    },
  );
});
